output "arns" {
  description = "ARN of each entry, by the name of the Kubernetes Secret."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "names" {
  description = "Name of each entry in Secrets Manager, by the name of the Kubernetes Secret."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.name }
}

output "to_be_filled_in" {
  description = "Entries whose value somebody has to put in."
  value       = [for name, secret in var.secrets : aws_secretsmanager_secret.this[name].name if !contains(keys(local.generated), name)]
}

output "kms_key_arn" {
  description = "Key of the entries."
  value       = module.key.arn
}
