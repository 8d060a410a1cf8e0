output "host" {
  description = "Host name of the server."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Port of the server."
  value       = aws_db_instance.this.port
}

output "identifier" {
  description = "Name of the instance."
  value       = aws_db_instance.this.identifier
}

output "master_secret_arn" {
  description = "Secret of the master user, which RDS makes and rotates. For the SQL that makes roles, and for nothing else."
  value       = one(aws_db_instance.this.master_user_secret[*].secret_arn)
}

output "kms_key_arn" {
  description = "Key that the master user's secret is encrypted with."
  value       = module.key.arn
}

output "role_sql" {
  description = "SQL for psql that makes databases and roles, or brings them to what is said here: docs/aws.md says how to run it."
  value       = local.role_sql
}

output "connection_budget" {
  description = "How many connections there are, who needs how many at most, and how many runs would fit."
  value = {
    max_connections = local.max_connections
    needed          = local.needed
    needed_total    = local.needed_total
    runs_that_fit   = local.runs_that_fit
    arithmetic      = local.arithmetic
  }
}
