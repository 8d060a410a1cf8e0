# With the real provider, for the policies' sake: see identity.tftest.hcl.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

run "key" {
  command = plan

  module {
    source = "./modules/key"
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "111122223333" }
  }

  variables {
    alias       = "test"
    description = "a test"
    services = {
      Events = {
        principals = ["s3.amazonaws.com"]
        actions    = ["kms:Decrypt"]
        condition  = { test = "StringEquals", variable = "aws:SourceAccount", values = ["111122223333"] }
      }
    }
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "A key is renewed every year, and can be brought back for a month."
  }

  assert {
    condition     = [for each in jsondecode(aws_kms_key.this.policy).Statement : each.Principal] == [{ AWS = "arn:aws:iam::111122223333:root" }, { Service = "s3.amazonaws.com" }]
    error_message = "The account decides by IAM, besides it only the services that are named: ${aws_kms_key.this.policy}"
  }
}

run "bootstrap" {
  command = plan

  module {
    source = "./bootstrap"
  }

  override_data {
    target = module.key.data.aws_caller_identity.current
    values = { account_id = "111122223333" }
  }

  variables {
    environment = "test"
    account_id  = "111122223333"
  }

  assert {
    condition     = aws_s3_bucket.this.bucket == "slipway-test-111122223333-state" && aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Older states can be brought back."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_policy && one(jsondecode(aws_s3_bucket_policy.this.policy).Statement).Effect == "Deny"
    error_message = "The state is nobody's business, and goes over TLS."
  }
}

run "secrets" {
  command = plan

  module {
    source = "./modules/secrets"
  }

  override_data {
    target = module.key.data.aws_caller_identity.current
    values = { account_id = "111122223333" }
  }

  variables {
    name = "slipway-test"
    # A password is asked of AWS in the plan already: that they are generated, the apply to AWS' stand-in shows.
    generation = 0
    secrets = {
      dagster-postgresql-secret = { key = "postgresql-password" }
      orders-database           = { key = "password", generate = false, code_location = "orders" }
    }
  }

  assert {
    condition     = { for name, each in aws_secretsmanager_secret.this : name => each.name } == { for name in ["dagster-postgresql-secret", "orders-database"] : name => "slipway-test/${name}" }
    error_message = "An entry for each Secret."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.generated) == 0 && output.to_be_filled_in == ["slipway-test/dagster-postgresql-secret", "slipway-test/orders-database"]
    error_message = "Without a generation somebody puts all passwords in."
  }

  assert {
    condition     = aws_secretsmanager_secret.this["orders-database"].recovery_window_in_days == 30 && aws_secretsmanager_secret.this["orders-database"].tags == tomap({ CodeLocation = "orders" })
    error_message = "A deleted entry can be brought back for a month."
  }
}
