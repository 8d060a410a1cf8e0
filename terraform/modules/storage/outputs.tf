output "buckets" {
  description = "Names of the buckets by use."
  value       = { for use, bucket in aws_s3_bucket.this : replace(use, "-", "_") => bucket.bucket }
}

output "bucket_arns" {
  description = "ARNs of the buckets by use."
  value       = { for use, bucket in aws_s3_bucket.this : replace(use, "-", "_") => bucket.arn }
}

output "landing_queues" {
  description = "By code location, the queue that says what has landed, and where messages go that nobody could read."
  value = {
    for location, queue in aws_sqs_queue.landing : location => {
      url              = queue.id
      arn              = queue.arn
      name             = queue.name
      dead_letter_url  = aws_sqs_queue.dead_letters[location].id
      dead_letter_name = aws_sqs_queue.dead_letters[location].name
    }
  }
}

output "kms_key_arn" {
  description = "Key of buckets and queues."
  value       = module.key.arn
}
