# What lands is announced: S3 -> SQS, a queue for each code location that asks for one. A message that nobody can make sense of
# ends in its dead-letter queue, which is watched.

data "aws_region" "current" {}

locals {
  queues     = { for location, folders in var.landing_folders : location => folders if length(folders) > 0 }
  queue_arns = { for location in keys(local.queues) : location => "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.name}:${local.account}:${var.name}-landing-${location}" }
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.queues

  name                      = "${var.name}-landing-${each.key}-dead-letters"
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = module.key.arn
  tags                      = { CodeLocation = each.key }
}

resource "aws_sqs_queue" "landing" {
  for_each = local.queues

  name                       = "${var.name}-landing-${each.key}"
  message_retention_seconds  = 4 * 24 * 3600
  visibility_timeout_seconds = 120
  kms_master_key_id          = module.key.arn
  tags                       = { CodeLocation = each.key }

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = var.landing_attempts
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  for_each = local.queues

  queue_url = aws_sqs_queue.dead_letters[each.key].id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.landing[each.key].arn]
  })
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  statement {
    sid       = "EventsOfTheLandingBucket"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arns[each.key]]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.arns["landing"]]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.queue_arns[each.key]]

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

resource "aws_sqs_queue_policy" "landing" {
  for_each = local.queues

  queue_url = aws_sqs_queue.landing[each.key].id
  policy    = data.aws_iam_policy_document.queue[each.key].json
}

# The policy that it is redriven to by its own queue alone is above: SQS itself moves a message, and asks for no permission here.
data "aws_iam_policy_document" "dead_letters" {
  for_each = local.queues

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = ["${local.queue_arns[each.key]}-dead-letters"]

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

resource "aws_sqs_queue_policy" "dead_letters" {
  for_each = local.queues

  queue_url = aws_sqs_queue.dead_letters[each.key].id
  policy    = data.aws_iam_policy_document.dead_letters[each.key].json
}

resource "aws_s3_bucket_notification" "landing" {
  count = length(local.queues) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this["landing"].id

  dynamic "queue" {
    for_each = merge([for location, folders in local.queues : { for folder in folders : folder => location }]...)

    content {
      id            = replace(trimsuffix(queue.key, "/"), "/", "-")
      queue_arn     = aws_sqs_queue.landing[queue.value].arn
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = queue.key
    }
  }

  # S3 sends a test message first, and refuses the notification if the queue does not take it.
  depends_on = [aws_sqs_queue_policy.landing]
}
