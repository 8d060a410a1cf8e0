# Secrets Manager's entries. External Secrets copies each into the Kubernetes Secret of its name; nothing secret is in Terraform's
# state: generated passwords are ephemeral values that go into write-only arguments.

module "key" {
  source = "../key"

  alias       = "${var.name}-secrets"
  description = "Entries of Secrets Manager of ${var.name}"
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:a generated password is changed by raising `generation` and running role_sql; others are other systems'
  for_each = var.secrets

  name                    = "${var.name}/${each.key}"
  description             = "Kubernetes Secret ${each.key}, key ${each.value.key}"
  kms_key_id              = module.key.arn
  recovery_window_in_days = var.recovery_days
  tags                    = each.value.code_location == null ? {} : { CodeLocation = each.value.code_location }
}

locals {
  generated = { for name, secret in var.secrets : name => secret if secret.generate && var.generation > 0 }
}

ephemeral "aws_secretsmanager_random_password" "this" {
  for_each = local.generated

  password_length = 40
  # It becomes part of URLs.
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each = local.generated

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = jsonencode({ (each.value.key) = ephemeral.aws_secretsmanager_random_password.this[each.key].random_password })
  secret_string_wo_version = var.generation
}
