# RDS Postgres: Dagster's own database, and those of the code locations that have none elsewhere.

module "key" {
  source = "../key"

  alias       = "${var.name}-database"
  description = "Database ${var.name}: disk, backups, insights and the master password"
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-database"
  description = "Postgres from the cluster's nodes and pods; nothing goes out."
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Postgres from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres${var.postgres_version}"
  description = "TLS only; connections, locks and slow statements are logged"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Passwords of roles are kept as SCRAM verifiers.
  parameter {
    name  = "password_encryption"
    value = "scram-sha-256"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_lock_waits"
    value = "1"
  }

  # A transaction that a dead client left open holds back vacuum, and its locks.
  parameter {
    name  = "idle_in_transaction_session_timeout"
    value = "600000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:slow statements and locks are of use for weeks, not for a year
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-rds-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.postgres_version
  instance_class = var.instance_class
  # A major version waits until somebody says so; a minor one for the maintenance window.
  allow_major_version_upgrade = var.allow_major_version_upgrade
  port                        = var.port

  # Databases and roles are made by SQL (roles.tf): Terraform would need a connection into the VPC, and passwords in its state.
  username                      = "slipway_admin"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = module.key.arn
  # For people: a token of their own IAM role in place of a password that is handed round. Roles need `GRANT rds_iam` for it.
  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = var.storage_gib
  max_allocated_storage = var.max_storage_gib
  storage_encrypted     = true
  kms_key_id            = module.key.arn

  multi_az               = var.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period = var.backup_retention_days
  backup_window           = "03:00-04:00"
  maintenance_window      = "sun:04:30-sun:05:30"
  copy_tags_to_snapshot   = true

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? "${var.name}-final" : null

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = var.logs_and_insights ? ["postgresql", "upgrade"] : null
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  performance_insights_enabled    = var.logs_and_insights
  performance_insights_kms_key_id = var.logs_and_insights ? module.key.arn : null

  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    precondition {
      condition     = local.memory_gib > 0 || var.max_connections != null
      error_message = "How much memory ${var.instance_class} has is not known here: set memory_gib."
    }

    precondition {
      condition     = local.memory_gib == 0 || local.needed_total <= local.max_connections
      error_message = <<-EOT
        Too many connections for the database: ${local.budget_by_class}, and ${local.needed_total} can be needed at a time:
        ${indent(2, local.arithmetic)}
        Allow ${local.runs_that_fit} runs at a time (concurrent_runs, and maxConcurrentRuns in charts-values/dagster), or take a larger instance_class.
      EOT
    }
  }
}
