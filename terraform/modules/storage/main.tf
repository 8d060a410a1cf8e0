# Three buckets: assets, what steps print, and the landing zone, whose queue is in landing.tf.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  buckets = {
    assets       = { days = null, noncurrent_days = var.noncurrent_days }
    compute-logs = { days = var.compute_log_days, noncurrent_days = 1 }
    landing      = { days = null, noncurrent_days = var.noncurrent_days }
  }
  names = { for use in keys(local.buckets) : use => "${var.name}-${local.account}-${use}" }
  # Known before there is a bucket, so that a plan shows the policies.
  arns = { for use, name in local.names : use => "arn:${data.aws_partition.current.partition}:s3:::${name}" }
}

module "key" {
  source = "../key"

  alias       = "${var.name}-storage"
  description = "Buckets and queues of ${var.name}"

  services = {
    # S3 puts its messages into an encrypted queue.
    EventsOfOurBuckets = {
      principals = ["s3.amazonaws.com"]
      actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
      condition  = { test = "StringEquals", variable = "aws:SourceAccount", values = [local.account] }
    }
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV2_AWS_62:only what lands is announced; who writes assets and logs says so itself, to Dagster
  #checkov:skip=CKV_AWS_144:versions guard against deletion; a copy in another region doubles the price, and is the owner's decision
  #checkov:skip=CKV_AWS_18:who read what is in CloudTrail's data events, for which the account has a trail
  for_each = local.buckets

  bucket        = local.names[each.key]
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    # A key of the bucket's own stands between: a hundredth of the requests to KMS.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = module.key.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arns[each.key], "${local.arns[each.key]}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket     = aws_s3_bucket.this[each.key].id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "tidy"
    status = "Enabled"

    filter {}

    # Parts of uploads that never ended are invisible, and paid for.
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }

    noncurrent_version_expiration {
      noncurrent_days = each.value.noncurrent_days
    }

    dynamic "expiration" {
      for_each = each.value.days == null ? [] : [each.value.days]

      content {
        days = expiration.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
