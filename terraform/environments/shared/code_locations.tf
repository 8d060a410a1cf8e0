# What each code location may reach, in every environment: modules/identity says what the words mean. An asset whose key begins with
# the code location's name needs no mention here. tests/config compares with the definitions.

locals {
  code_locations = {
    orders = {
      assets = [
        "raw_orders", "cleaned_orders", "daily_revenue", "daily_orders", "daily_revenue_partitioned",
        "bronze_orders", "silver_orders", "landed_orders",
      ]
      landing = ["orders/"]
      # The order system's own password.
      secrets = { orders-database = { generate = false } }
    }
    sales = {
      assets = ["total_by_country", "sales_vs_orders", "monthly_report"]
      reads  = ["daily_revenue"]
    }
    editorial = {
      # Its assets are tables.
      databases = { newsroom = { secret = "editorial-database" } }
      secrets   = { editorial-database = {} }
    }
  }
}
