locals {
  database_alarms = {
    connections = {
      metric      = "DatabaseConnections"
      comparison  = "GreaterThanThreshold"
      threshold   = floor(var.database.max_connections * 0.8)
      description = "Four fifths of the database's connections are in use: at the last one runs fail. Compare the output connection_budget."
    }
    storage = {
      metric      = "FreeStorageSpace"
      comparison  = "LessThanThreshold"
      threshold   = 5 * 1024 * 1024 * 1024
      description = "Less than 5 GiB of the database's disk are free, and RDS has not made it larger: look at max_storage_gib."
    }
    memory = {
      metric      = "FreeableMemory"
      comparison  = "LessThanThreshold"
      threshold   = 128 * 1024 * 1024
      description = "The database has less than 128 MiB of memory left."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = var.alarms ? local.database_alarms : {}

  alarm_name          = "${var.name}-database-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = var.database.identifier }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "queue_age" {
  for_each = var.alarms ? var.queues : {}

  alarm_name          = "${var.name}-landing-${each.key}-age"
  alarm_description   = "Something landed more than ${var.queue_age_seconds / 60} minutes ago, and ${each.key} has not looked at it: is its sensor on?"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.queue_age_seconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = { CodeLocation = each.key }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = var.alarms ? var.queues : {}

  alarm_name          = "${var.name}-landing-${each.key}-dead-letters"
  alarm_description   = "A message of ${each.key}'s landing queue was received again and again and never deleted. What landed is found by the listing all the same."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.dead_letter_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  tags                = { CodeLocation = each.key }
}

resource "aws_budgets_budget" "month" {
  name         = "${var.name}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # The tag has to be activated as a cost allocation tag, once in an account.
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.environment)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }
}
