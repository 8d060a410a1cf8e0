# What each role may do, statement by statement. Nothing here has a star for an action, and the only one for a resource is the
# autoscaler's reading.

locals {
  # Keys of an asset (slipway/storage/keys.py): <key>.parquet, .json and .odcs.yaml beside it, and <key>/<partition>.parquet.
  own     = { for name, location in var.code_locations : name => concat([replace(name, "-", "_")], location.assets) }
  written = { for name, parts in local.own : name => flatten([for part in parts : ["${part}.*", "${part}/*"]]) }
  read    = { for name, location in var.code_locations : name => flatten([for part in location.reads : ["${part}.*", "${part}/*"]]) }
  # What can't be read is put aside below quarantine/, in the same folder.
  landing = { for name, location in var.code_locations : name => flatten([for folder in location.landing : ["${folder}*", "quarantine/${folder}*"]]) }

  # Values of ops that are no assets: below the run's id, which nobody can guess, and which can't be listed.
  outputs = "_outputs/*"

  policies = merge(
    { for name, document in data.aws_iam_policy_document.code_location : "location-${name}" => document.json },
    {
      control-plane      = data.aws_iam_policy_document.control_plane.json
      external-secrets   = data.aws_iam_policy_document.external_secrets.json
      cluster-autoscaler = data.aws_iam_policy_document.cluster_autoscaler.json
    },
  )
}

data "aws_iam_policy_document" "code_location" {
  for_each = var.code_locations

  statement {
    sid       = "WriteItsAssets"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = [for key in concat(local.written[each.key], [local.outputs]) : "${var.bucket_arns.assets}/${key}"]
  }

  dynamic "statement" {
    for_each = length(local.read[each.key]) > 0 ? [local.read[each.key]] : []

    content {
      sid       = "ReadAssetsOfOthers"
      actions   = ["s3:GetObject"]
      resources = [for key in statement.value : "${var.bucket_arns.assets}/${key}"]
    }
  }

  # Without it S3 answers 403 in place of 404 for an object that is not there; the key is compared with these prefixes then too.
  statement {
    sid       = "ListItsAssets"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arns.assets]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = concat(local.own[each.key], local.written[each.key], each.value.reads, local.read[each.key])
    }
  }

  statement {
    sid       = "WriteWhatStepsPrint"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${var.bucket_arns.compute_logs}/*"]
  }

  # A log that is being written is replaced by the whole one at the end.
  statement {
    sid       = "DropUnfinishedLogs"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.bucket_arns.compute_logs}/*.partial"]
  }

  dynamic "statement" {
    for_each = length(local.landing[each.key]) > 0 ? [local.landing[each.key]] : []

    content {
      sid       = "TakeWhatLandsInItsFolders"
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      resources = [for key in statement.value : "${var.bucket_arns.landing}/${key}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.landing[each.key]) > 0 ? [local.landing[each.key]] : []

    content {
      sid       = "ListItsFolders"
      actions   = ["s3:ListBucket"]
      resources = [var.bucket_arns.landing]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = each.value.queue_arn == null ? [] : [each.value.queue_arn]

    content {
      sid       = "ReadItsQueue"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "UseTheStoragesKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.storage_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for service in ["s3", "sqs"] : "${service}.${data.aws_region.current.name}.amazonaws.com"]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.secret_arns) > 0 ? [each.value.secret_arns] : []

    content {
      sid       = "ReadItsSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(each.value.secret_arns) > 0 ? [var.secrets_key_arn] : []

    content {
      sid       = "UseTheSecretsKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${data.aws_region.current.name}.amazonaws.com"]
      }
    }
  }
}

# Webserver and daemon show what steps printed, and remove it with the run. They never touch assets.
data "aws_iam_policy_document" "control_plane" {
  statement {
    sid       = "ShowAndRemoveWhatStepsPrint"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${var.bucket_arns.compute_logs}/*"]
  }

  statement {
    sid       = "ListWhatStepsPrint"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arns.compute_logs]
  }

  statement {
    sid       = "UseTheStoragesKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.storage_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.name}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "external_secrets" {
  statement {
    sid       = "ReadThePlatformsEntries"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = var.secret_arns
  }

  statement {
    sid       = "UseTheSecretsKey"
    actions   = ["kms:Decrypt"]
    resources = [var.secrets_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${data.aws_region.current.name}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "cluster_autoscaler" {
  #checkov:skip=CKV_AWS_356:the actions of LookAtGroupsOfNodes know no narrower resource

  statement {
    sid = "LookAtGroupsOfNodes"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "autoscaling:DescribeTags",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
      "eks:DescribeNodegroup",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "ResizeThisClustersGroups"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["arn:${data.aws_partition.current.partition}:autoscaling:${data.aws_region.current.name}:${local.account}:autoScalingGroup:*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster_name}"
      values   = ["owned"]
    }
  }
}
