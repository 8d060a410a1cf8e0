output "log_kms_key_arn" {
  description = "Key that logs are encrypted with."
  value       = module.key.arn
}

output "alarm_topic_arn" {
  description = "Where alarms go: subscribe a pager here."
  value       = aws_sns_topic.alarms.arn
}
