# prod: three zones, a standby of the database, nothing that destroy takes with it.

locals {
  environment = "prod"
}

module "platform" {
  source = "../../platform"

  environment        = local.environment
  zones              = local.zones
  vpc_cidr           = "10.40.0.0/16"
  kubernetes_version = "1.34"
  code_locations     = local.code_locations
  access_entries     = local.access_entries
  alarm_email        = var.alarm_email
  aws_stand_in       = var.aws_stand_in

  password_generation = var.password_generation

  monthly_budget_usd = 2000

  node_groups = {
    general = { instance_types = ["m7i.large"], minimum = 3, maximum = 6 }
    runs    = { instance_types = ["m7i.xlarge", "m6i.xlarge", "m6a.xlarge", "m5.xlarge"], minimum = 0, maximum = 20, spot = true, taint = "runs" }
  }

  database = {
    instance_class        = "db.m7g.large"
    multi_az              = true
    deletion_protection   = true
    backup_retention_days = 14
    storage_gib           = 100
  }
}
