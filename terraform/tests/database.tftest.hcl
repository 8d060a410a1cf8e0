mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name                      = "slipway-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2"]
  client_security_group_ids = { cluster = "sg-1" }
  log_kms_key_arn           = "arn:aws:kms:eu-central-1:111122223333:key/logs"
  instance_class            = "db.m7g.large"
  databases                 = { newsroom = { secret = "editorial-database", connections = 20 } }
  clients                   = { webservers = 2, code_servers = 3, concurrent_runs = 24 }
}

run "is_safe_by_default" {
  command = plan

  module {
    source = "./modules/database"
  }

  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "Without being told otherwise there is a standby, and nobody deletes the database."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.publicly_accessible == false && aws_db_instance.this.backup_retention_period == 14
    error_message = "The disk is encrypted, the address is private, and two weeks can be gone back to."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS makes and keeps the master password; Terraform never sees it."
  }

  assert {
    condition     = { for each in aws_db_parameter_group.this.parameter : each.name => each.value }["rds.force_ssl"] == "1"
    error_message = "A connection without TLS is refused."
  }

  assert {
    condition = (
      keys(aws_vpc_security_group_ingress_rule.clients) == ["cluster"]
      && aws_vpc_security_group_ingress_rule.clients["cluster"].referenced_security_group_id == "sg-1"
      && aws_vpc_security_group_ingress_rule.clients["cluster"].cidr_ipv4 == null
    )
    error_message = "Only who has the cluster's security group connects."
  }
}

run "counts_connections" {
  command = plan

  module {
    source = "./modules/database"
  }

  assert {
    # (8 GiB x 0.9 - 256 MiB) / 9531392
    condition     = output.connection_budget.max_connections == 782
    error_message = "db.m7g.large has 782 connections, not ${output.connection_budget.max_connections}."
  }

  assert {
    condition     = output.connection_budget.needed == { webservers = 126, daemon = 20, code_servers = 12, runs = 120, databases = 20, reserved = 15 }
    error_message = "Who needs how many: ${jsonencode(output.connection_budget.needed)}"
  }

  assert {
    condition     = output.connection_budget.needed_total == 313 && output.connection_budget.runs_that_fit == 117
    error_message = "In sum, and how many runs would fit: ${output.connection_budget.arithmetic}"
  }

  assert {
    condition     = strcontains(output.connection_budget.arithmetic, "24 runs at a time x 5") && strcontains(output.connection_budget.arithmetic, "313  needed, of 782")
    error_message = "The arithmetic is to be read: ${output.connection_budget.arithmetic}"
  }

  assert {
    condition     = strcontains(output.role_sql, "ALTER ROLE dagster WITH LOGIN NOCREATEDB NOCREATEROLE INHERIT CONNECTION LIMIT 747")
    error_message = "Dagster's role gets what the others leave: ${output.role_sql}"
  }

  assert {
    condition     = strcontains(output.role_sql, "\\getenv password NEWSROOM_PASSWORD") && strcontains(output.role_sql, "CREATE DATABASE newsroom OWNER newsroom")
    error_message = "A code location's database has an owner, whose password comes from outside: ${output.role_sql}"
  }
}

run "refuses_more_runs_than_it_bears" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    clients = { webservers = 2, code_servers = 3, concurrent_runs = 118 }
  }

  expect_failures = [aws_db_instance.this]
}

run "leaves_a_snapshot_even_without_protection" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "slipway-test-final"
    error_message = "Who leaves takes off the protection first; the last snapshot is made all the same."
  }
}

run "takes_just_as_many_as_it_bears" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    clients = { webservers = 2, code_servers = 3, concurrent_runs = 117 }
  }
}

run "a_measured_number_goes_before_the_computed_one" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    max_connections = 300
  }

  expect_failures = [aws_db_instance.this]
}

run "refuses_a_class_whose_memory_it_does_not_know" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    instance_class = "db.x2g.large"
  }

  expect_failures = [aws_db_instance.this]
}

run "refuses_what_makes_no_sense" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    instance_class        = "m7g.large"
    backup_retention_days = 0
    databases             = { dagster = { secret = "x", connections = 1 } }
  }

  expect_failures = [var.instance_class, var.backup_retention_days, var.databases]
}
