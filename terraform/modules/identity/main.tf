# A role for each ServiceAccount that calls AWS, and who may take it. What each may do is in policies.tf.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  cluster = "arn:${data.aws_partition.current.partition}:eks:${data.aws_region.current.name}:${local.account}:cluster/${var.cluster_name}"

  service_accounts = merge(
    { for name in keys(var.code_locations) : "location-${name}" => { namespace = var.namespace, service_account = name } },
    {
      control-plane      = { namespace = var.namespace, service_account = "dagster" }
      external-secrets   = var.external_secrets_account
      cluster-autoscaler = { namespace = "kube-system", service_account = "cluster-autoscaler" }
    },
  )
}

# One pod's role is no other pod's: the namespace and the ServiceAccount are in the trust policy too, not only in the association.
data "aws_iam_policy_document" "trust" {
  for_each = local.service_accounts

  statement {
    sid     = "PodIdentity"
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/eks-cluster-arn"
      values   = [local.cluster]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-namespace"
      values   = [each.value.namespace]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-service-account"
      values   = [each.value.service_account]
    }
  }

  dynamic "statement" {
    for_each = var.oidc_provider == null ? [] : [var.oidc_provider]

    content {
      sid     = "ServiceAccountToken"
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [statement.value.arn]
      }

      condition {
        test     = "StringEquals"
        variable = "${statement.value.issuer}:sub"
        values   = ["system:serviceaccount:${each.value.namespace}:${each.value.service_account}"]
      }

      condition {
        test     = "StringEquals"
        variable = "${statement.value.issuer}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.service_accounts

  name               = "${var.name}-${each.key}"
  description        = "Pods of ServiceAccount ${each.value.namespace}/${each.value.service_account}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
  tags               = startswith(each.key, "location-") ? { CodeLocation = each.value.service_account } : {}
}

resource "aws_iam_role_policy" "this" {
  for_each = local.service_accounts

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = local.policies[each.key]

  lifecycle {
    precondition {
      condition     = length(local.policies[each.key]) <= 10240
      error_message = "The policy of ${each.key} has ${length(local.policies[each.key])} characters, and IAM takes 10240: begin the keys of its assets with the code location's name, which needs no mention, in place of naming each."
    }
  }
}
