# With the real provider, which computes policy documents by itself: no credentials, no network, nothing is made.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

variables {
  name            = "slipway-test"
  namespace       = "slipway"
  cluster_name    = "slipway-test"
  storage_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/storage"
  secrets_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/secrets"
  secret_arns     = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:dagster"]

  bucket_arns = {
    assets       = "arn:aws:s3:::assets"
    compute_logs = "arn:aws:s3:::logs"
    landing      = "arn:aws:s3:::landing"
  }

  code_locations = {
    orders = {
      assets      = ["raw_orders"]
      landing     = ["orders/"]
      queue_arn   = "arn:aws:sqs:eu-central-1:111122223333:orders"
      secret_arns = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders"]
    }
    shop-sales = { reads = ["raw_orders"] }
  }
}

run "a_code_location_reaches_what_is_its_own" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition = { for each in jsondecode(output.policies["location-orders"]).Statement : each.Sid => each.Resource } == {
      WriteItsAssets            = ["arn:aws:s3:::assets/raw_orders/*", "arn:aws:s3:::assets/raw_orders.*", "arn:aws:s3:::assets/orders/*", "arn:aws:s3:::assets/orders.*", "arn:aws:s3:::assets/_outputs/*"]
      ListItsAssets             = "arn:aws:s3:::assets"
      WriteWhatStepsPrint       = "arn:aws:s3:::logs/*"
      DropUnfinishedLogs        = "arn:aws:s3:::logs/*.partial"
      TakeWhatLandsInItsFolders = ["arn:aws:s3:::landing/quarantine/orders/*", "arn:aws:s3:::landing/orders/*"]
      ListItsFolders            = "arn:aws:s3:::landing"
      ReadItsQueue              = "arn:aws:sqs:eu-central-1:111122223333:orders"
      UseTheStoragesKey         = "arn:aws:kms:eu-central-1:111122223333:key/storage"
      ReadItsSecrets            = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders"
      UseTheSecretsKey          = "arn:aws:kms:eu-central-1:111122223333:key/secrets"
    }
    error_message = "orders reaches its own assets, folders, queue and secret: ${output.policies["location-orders"]}"
  }

  assert {
    condition = { for each in jsondecode(output.policies["location-shop-sales"]).Statement : each.Sid => each.Resource } == {
      WriteItsAssets      = ["arn:aws:s3:::assets/shop_sales/*", "arn:aws:s3:::assets/shop_sales.*", "arn:aws:s3:::assets/_outputs/*"]
      ReadAssetsOfOthers  = ["arn:aws:s3:::assets/raw_orders/*", "arn:aws:s3:::assets/raw_orders.*"]
      ListItsAssets       = "arn:aws:s3:::assets"
      WriteWhatStepsPrint = "arn:aws:s3:::logs/*"
      DropUnfinishedLogs  = "arn:aws:s3:::logs/*.partial"
      UseTheStoragesKey   = "arn:aws:kms:eu-central-1:111122223333:key/storage"
    }
    error_message = "shop-sales has no folder, no queue and no secret, and gets none: ${output.policies["location-shop-sales"]}"
  }

  assert {
    condition     = one([for each in jsondecode(output.policies["location-shop-sales"]).Statement : each.Action if each.Sid == "ReadAssetsOfOthers"]) == "s3:GetObject"
    error_message = "What others wrote is read, and not changed."
  }

  assert {
    condition = toset(one([for each in jsondecode(output.policies["location-shop-sales"]).Statement : each.Condition.StringLike["s3:prefix"] if each.Sid == "ListItsAssets"])) == toset([
      "shop_sales", "shop_sales.*", "shop_sales/*", "raw_orders", "raw_orders.*", "raw_orders/*",
    ])
    error_message = "Only these keys are listed."
  }
}

run "nobody_may_more_than_is_named" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [for each in jsondecode(policy).Statement : [for action in flatten([each.Action]) : !strcontains(action, "*")]]
    ]))
    error_message = "No action has a star."
  }

  assert {
    condition = [
      for each in flatten([for policy in values(output.policies) : jsondecode(policy).Statement]) : each.Sid if contains(flatten([each.Resource]), "*")
    ] == ["LookAtGroupsOfNodes"]
    error_message = "Nobody but the autoscaler may look at everything."
  }

  assert {
    condition     = alltrue([for each in jsondecode(output.policies["control-plane"]).Statement : !anytrue([for resource in flatten([each.Resource]) : strcontains(resource, ":assets")])])
    error_message = "Webserver and daemon have no business with assets."
  }

  assert {
    condition     = toset(one([for each in jsondecode(output.policies["external-secrets"]).Statement : each.Resource if each.Sid == "ReadThePlatformsEntries"])) == toset(var.secret_arns)
    error_message = "External Secrets reads the platform's entries, and no others of the account."
  }
}

run "a_role_is_for_one_service_account" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition = one(jsondecode(aws_iam_role.this["location-orders"].assume_role_policy).Statement).Condition.StringEquals == {
      "aws:RequestTag/eks-cluster-arn"            = "arn:aws:eks:eu-central-1:111122223333:cluster/slipway-test"
      "aws:RequestTag/kubernetes-namespace"       = "slipway"
      "aws:RequestTag/kubernetes-service-account" = "orders"
    }
    error_message = "Another pod, namespace or cluster does not get the role: ${aws_iam_role.this["location-orders"].assume_role_policy}"
  }

  assert {
    condition     = aws_iam_role.this["location-orders"].tags.CodeLocation == "orders" && aws_iam_role.this["control-plane"].tags == null
    error_message = "A role is tagged with its code location."
  }
}

run "irsa_too" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    oidc_provider = { arn = "arn:aws:iam::111122223333:oidc-provider/oidc.example/id/X", issuer = "oidc.example/id/X" }
  }

  assert {
    condition = one([
      for each in jsondecode(aws_iam_role.this["location-shop-sales"].assume_role_policy).Statement : each.Condition.StringEquals if each.Sid == "ServiceAccountToken"
      ]) == {
      "oidc.example/id/X:sub" = "system:serviceaccount:slipway:shop-sales"
      "oidc.example/id/X:aud" = "sts.amazonaws.com"
    }
    error_message = "The token of another ServiceAccount does not get the role."
  }
}

run "refuses_names_that_kubernetes_does_not_take" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    code_locations = { sales_orders = {} }
  }

  expect_failures = [var.code_locations]
}

run "refuses_a_policy_that_iam_does_not_take" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    code_locations = { orders = { assets = [for number in range(200) : "asset_number_${number}"] } }
  }

  expect_failures = [aws_iam_role_policy.this["location-orders"]]
}

run "refuses_patterns" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    code_locations = { orders = { reads = ["*"] } }
  }

  expect_failures = [var.code_locations]
}

run "refuses_two_writers_of_an_asset" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    code_locations = { orders = { assets = ["sales"] }, sales = {} }
  }

  expect_failures = [var.code_locations]
}
