# What each code location may reach, in every environment.

locals {
  code_locations = {
    orders = {
      assets  = ["raw_orders", "cleaned_orders", "daily_revenue", "daily_orders", "daily_revenue_partitioned", "bronze_orders", "silver_orders"]
      landing = ["orders/"]
      # The order system's own password.
      secrets = { orders-database = { generate = false } }
    }
    sales = {
      assets = ["sales", "total_by_country", "sales_vs_orders"]
      reads  = ["daily_revenue"]
    }
    editorial = {
      assets    = ["raw"]
      databases = { newsroom = { secret = "editorial-database" } }
      secrets   = { editorial-database = {} }
    }
  }
}
