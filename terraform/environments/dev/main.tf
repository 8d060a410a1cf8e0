# dev: one of everything that production has more of, and nothing that it would be a pity to lose.

locals {
  environment = "dev"
}

module "platform" {
  source = "../../platform"

  environment        = local.environment
  zones              = local.zones
  vpc_cidr           = "10.41.0.0/16"
  kubernetes_version = "1.34"
  code_locations     = local.code_locations
  access_entries     = local.access_entries
  alarm_email        = var.alarm_email
  aws_stand_in       = var.aws_stand_in

  password_generation = var.password_generation

  nat_gateway_per_zone = false
  interface_endpoints  = []
  monthly_budget_usd   = 400
  disposable           = true

  node_groups = {
    general = { instance_types = ["t3.large"], minimum = 2, maximum = 3 }
    runs    = { instance_types = ["m6i.large", "m5.large", "m6a.large"], minimum = 0, maximum = 4, spot = true, taint = "runs" }
  }

  database = {
    instance_class        = "db.t4g.medium"
    multi_az              = false
    deletion_protection   = false
    backup_retention_days = 3
  }
}
