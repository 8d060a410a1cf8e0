# Secrets Manager's entries. External Secrets copies each into the Kubernetes Secret of its name; nothing secret is in Terraform's
# state: generated passwords are ephemeral values that go into write-only arguments.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  generated = { for name, secret in var.secrets : name => secret if secret.generate }
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Entries of Secrets Manager of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-secrets"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.name}/${each.key}"
  description             = "Kubernetes Secret ${each.key}, key ${each.value.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.recovery_days
  tags                    = each.value.code_location == null ? {} : { CodeLocation = each.value.code_location }
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
