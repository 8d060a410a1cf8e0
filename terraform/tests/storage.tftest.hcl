# Policies with the real provider (see identity.tftest.hcl), everything else with a mocked one.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = module.key.data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

mock_provider "aws" {
  alias           = "mock"
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "slipway-test"
  landing_folders = { orders = ["orders/", "returns/"], sales = [] }
}

run "buckets_are_closed" {
  command = plan

  providers = {
    aws = aws.mock
  }

  module {
    source = "./modules/storage"
  }

  assert {
    condition     = { for use, bucket in aws_s3_bucket.this : use => bucket.bucket } == { for use in ["assets", "compute-logs", "landing"] : use => "slipway-test-111122223333-${use}" }
    error_message = "Three buckets, with the account's number in their names."
  }

  assert {
    condition     = alltrue([for each in aws_s3_bucket_public_access_block.this : each.block_public_acls && each.block_public_policy && each.ignore_public_acls && each.restrict_public_buckets])
    error_message = "No bucket can be made public."
  }

  assert {
    condition     = alltrue([for each in aws_s3_bucket_server_side_encryption_configuration.this : one(one(each.rule).apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:eu-central-1:111122223333:key/mock" && one(each.rule).bucket_key_enabled])
    error_message = "Objects are encrypted with the platform's key."
  }

  assert {
    condition     = alltrue([for each in aws_s3_bucket_versioning.this : each.versioning_configuration[0].status == "Enabled"]) && alltrue([for each in aws_s3_bucket.this : !each.force_destroy])
    error_message = "What is overwritten or deleted can be brought back, and destroy deletes no data."
  }

  assert {
    condition     = alltrue([for each in aws_s3_bucket_lifecycle_configuration.this : one(each.rule).abort_incomplete_multipart_upload[0].days_after_initiation == 2])
    error_message = "Uploads that never ended do not stay."
  }

  assert {
    condition     = one(aws_s3_bucket_lifecycle_configuration.this["compute-logs"].rule).expiration[0].days == 90 && length(one(aws_s3_bucket_lifecycle_configuration.this["assets"].rule).expiration) == 0
    error_message = "Logs go after a while, assets never by themselves."
  }
}

run "what_lands_is_announced" {
  command = plan

  providers = {
    aws = aws.mock
  }

  module {
    source = "./modules/storage"
  }

  assert {
    condition     = keys(aws_sqs_queue.landing) == ["orders"] && aws_sqs_queue.landing["orders"].name == "slipway-test-landing-orders"
    error_message = "A queue for each code location that has folders, and for no other."
  }

  assert {
    condition     = toset([for each in aws_s3_bucket_notification.landing[0].queue : each.filter_prefix]) == toset(["orders/", "returns/"])
    error_message = "Each folder is announced."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.landing["orders"].redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-central-1:111122223333:mock", maxReceiveCount = 5 }
    error_message = "What can't be read goes to the dead letters after five attempts."
  }
}

run "policies" {
  command = plan

  module {
    source = "./modules/storage"
  }

  assert {
    condition = alltrue([
      for each in aws_s3_bucket_policy.this : one([
        for statement in jsondecode(each.policy).Statement : statement.Effect == "Deny" && statement.Action == "s3:*" && statement.Condition.Bool["aws:SecureTransport"] == "false" if statement.Sid == "TlsOnly"
      ])
    ])
    error_message = "Requests without TLS are refused."
  }

  assert {
    condition = one([
      for each in jsondecode(aws_sqs_queue_policy.landing["orders"].policy).Statement : each if each.Effect == "Allow"
      ]) == {
      Sid       = "EventsOfTheLandingBucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-central-1:111122223333:slipway-test-landing-orders"
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:s3:::slipway-test-111122223333-landing" }, StringEquals = { "aws:SourceAccount" = "111122223333" } }
    }
    error_message = "Only our landing bucket writes into the queue: ${aws_sqs_queue_policy.landing["orders"].policy}"
  }
}

run "refuses_a_folder_without_a_slash" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    landing_folders = { orders = ["orders"] }
  }

  expect_failures = [var.landing_folders]
}

run "refuses_a_folder_of_two" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    landing_folders = { orders = ["files/"], sales = ["files/"] }
  }

  expect_failures = [var.landing_folders]
}
