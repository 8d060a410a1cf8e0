# The environments as they are, with all their wiring. With the real provider: a mocked one refuses ephemeral resources.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = module.platform.module.cluster.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.cluster.module.secrets_key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.database.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.identity.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.observability.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.observability.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.registry.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.secrets.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.storage.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.platform.module.storage.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.cluster.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.cluster.module.secrets_key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.database.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.identity.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.observability.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.observability.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.registry.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.secrets.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.storage.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = module.storage.module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

variables {
  alarm_email    = "data@example.com"
  administrators = { platform = "arn:aws:iam::111122223333:role/platform" }
  # A password is asked of AWS in the plan already.
  password_generation = 0
}

run "prod" {
  command = plan

  module {
    source = "./environments/prod"
  }

  assert {
    condition     = output.connection_budget.runs == 24 && output.connection_budget.needed_total <= output.connection_budget.max_connections
    error_message = "The runs that charts-values allow have their connections: ${output.connection_budget.arithmetic}"
  }

  assert {
    condition     = length(output.network.private_subnet_cidrs) == 3 && length(output.network.database_cidrs) == 3
    error_message = "Three zones."
  }

  assert {
    condition     = keys(output.code_locations) == ["editorial", "orders", "sales"] && keys(output.landing_queues) == ["orders"] && output.code_locations.sales.landing_queue_url == null
    error_message = "The three code locations, and a queue for the one that has folders."
  }

  assert {
    condition     = output.database.locations.newsroom == { name = "newsroom", user = "newsroom", secret = "editorial-database", code_location = "editorial" }
    error_message = "editorial has its database."
  }

  assert {
    condition     = { for name, each in output.secrets : name => each.generated } == { for name in ["dagster-postgresql-secret", "editorial-database", "orders-database", "slipway-broker"] : name => false }
    error_message = "The Secrets that charts-values/releases.yaml names."
  }

  assert {
    condition     = output.node_groups.runs.taint == { key = "slipway.io/nodes", value = "runs", effect = "NoSchedule" } && output.node_groups.general.taint == null
    error_message = "Runs have nodes of their own."
  }

  assert {
    condition     = output.buckets == { assets = "slipway-prod-111122223333-assets", compute_logs = "slipway-prod-111122223333-compute-logs", landing = "slipway-prod-111122223333-landing" }
    error_message = "Names of buckets: ${jsonencode(output.buckets)}"
  }
}

run "a_team_without_a_code_location" {
  command = plan

  module {
    source = "./environments/dev"
  }

  variables {
    teams = { order = ["arn:aws:iam::111122223333:role/orders-team"] }
  }

  expect_failures = [var.teams]
}

run "dev" {
  command = plan

  module {
    source = "./environments/dev"
  }

  assert {
    condition     = output.kubernetes_context == "slipway-dev" && output.network.vpc_cidr == "10.41.0.0/16"
    error_message = "dev is beside prod, not in its place."
  }

  assert {
    condition     = output.connection_budget.needed_total <= output.connection_budget.max_connections
    error_message = "A small database is enough: ${output.connection_budget.arithmetic}"
  }
}

run "prod_is_not_to_be_lost" {
  command = plan

  module {
    source = "./platform"
  }

  variables {
    environment        = "prod"
    zones              = ["eu-central-1a", "eu-central-1b"]
    vpc_cidr           = "10.40.0.0/16"
    kubernetes_version = "1.34"
    node_groups        = { general = { instance_types = ["m7i.large"], minimum = 2, maximum = 4 } }
    database           = { instance_class = "db.m7g.large", multi_az = false, deletion_protection = true, backup_retention_days = 14 }
    code_locations     = {}
    monthly_budget_usd = 1
    disposable         = true
  }

  expect_failures = [var.database, var.disposable]
}
