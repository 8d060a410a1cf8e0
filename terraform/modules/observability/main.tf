# The key of all logs, and what people are told of by AWS itself: the database, the queues, the money. The platform's own alerts
# (late, failed, stuck) are in alerts.toml.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
}

module "key" {
  source = "../key"

  alias       = "${var.name}-logs"
  description = "Logs and alarms of ${var.name}"

  services = {
    CloudWatchLogs = {
      principals = ["logs.${data.aws_region.current.name}.amazonaws.com"]
      actions    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      condition = {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.name}:${local.account}:*"]
      }
    }
    AlarmsIntoTheTopic = {
      principals = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
      actions    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      condition  = { test = "StringEquals", variable = "aws:SourceAccount", values = [local.account] }
    }
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = module.key.arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.email
}
