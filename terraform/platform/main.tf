# The whole platform of one environment, wired from the modules. Environments call it with their differences.

data "aws_region" "current" {}

locals {
  name = "slipway-${var.environment}"

  images = merge({ dagster = null, redis = null }, { for name in keys(var.code_locations) : name => name })

  # Secrets of all environments are listed in charts-values/releases.yaml; these are the ones that come from AWS.
  secrets = merge(
    {
      dagster-postgresql-secret = { key = "postgresql-password", generate = true, code_location = null }
      slipway-broker            = { key = "password", generate = true, code_location = null }
    },
    merge([
      for name, location in var.code_locations : {
        for secret, settings in location.secrets : secret => { key = "password", generate = settings.generate, code_location = name }
      }
    ]...),
  )
}

module "observability" {
  source = "../modules/observability"

  name               = local.name
  environment        = var.environment
  email              = var.alarm_email
  monthly_budget_usd = var.monthly_budget_usd
  queues             = module.storage.landing_queues
  alarms             = local.stand_in.alarms

  database = {
    identifier      = module.database.identifier
    max_connections = module.database.connection_budget.max_connections
  }
}

module "network" {
  source = "../modules/network"

  name                 = local.name
  cluster_name         = local.name
  cidr                 = var.vpc_cidr
  zones                = var.zones
  nat_gateway_per_zone = var.nat_gateway_per_zone
  interface_endpoints  = var.interface_endpoints
  log_kms_key_arn      = module.observability.log_kms_key_arn
  flow_logs            = local.stand_in.flow_logs
}

module "cluster" {
  source = "../modules/cluster"

  name                       = local.name
  kubernetes_version         = var.kubernetes_version
  subnet_ids                 = module.network.private_subnet_ids
  public_access_cidrs        = var.api_access_cidrs
  node_groups                = var.node_groups
  access_entries             = var.access_entries
  irsa                       = var.irsa
  service_account_roles      = module.identity.service_account_roles
  log_kms_key_arn            = module.observability.log_kms_key_arn
  encrypt_volumes_by_default = local.stand_in.encrypt_volumes_by_default
  plain_node_groups          = local.stand_in.plain_node_groups
}

module "database" {
  source = "../modules/database"

  name                  = local.name
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.database_subnet_ids
  instance_class        = var.database.instance_class
  multi_az              = var.database.multi_az
  deletion_protection   = var.database.deletion_protection
  final_snapshot        = !var.disposable
  backup_retention_days = var.database.backup_retention_days
  storage_gib           = var.database.storage_gib
  max_connections       = var.database.max_connections
  postgres_version      = var.database.postgres_version

  allow_major_version_upgrade = var.database.allow_major_version_upgrade

  log_kms_key_arn   = module.observability.log_kms_key_arn
  logs_and_insights = local.stand_in.logs_and_insights

  client_security_group_ids = { cluster = module.cluster.security_group_id }
  databases                 = merge(values(var.code_locations)[*].databases...)

  clients = {
    webservers      = var.webservers
    code_servers    = length(var.code_locations)
    concurrent_runs = var.concurrent_runs
  }
}

module "storage" {
  source = "../modules/storage"

  name            = local.name
  landing_folders = { for name, location in var.code_locations : name => location.landing }
  force_destroy   = var.disposable
}

module "registry" {
  source = "../modules/registry"

  prefix       = var.environment
  images       = local.images
  force_delete = var.disposable
}

module "secrets" {
  source = "../modules/secrets"

  name          = local.name
  secrets       = local.secrets
  generation    = var.password_generation
  recovery_days = var.disposable ? 0 : 30
}

module "identity" {
  source = "../modules/identity"

  name            = local.name
  namespace       = var.namespace
  cluster_name    = local.name
  oidc_provider   = module.cluster.oidc_provider
  bucket_arns     = module.storage.bucket_arns
  storage_key_arn = module.storage.kms_key_arn
  secrets_key_arn = module.secrets.kms_key_arn
  secret_arns     = values(module.secrets.arns)

  code_locations = {
    for name, location in var.code_locations : name => {
      assets      = location.assets
      reads       = location.reads
      landing     = location.landing
      queue_arn   = try(module.storage.landing_queues[name].arn, null)
      secret_arns = [for secret in keys(location.secrets) : module.secrets.arns[secret]]
    }
  }
}
