output "registry" {
  description = "Where images are pushed to and pulled from: <this>/slipway/<image>."
  value       = "${split("/", values(aws_ecr_repository.this)[0].repository_url)[0]}/${var.prefix}"
}

output "repositories" {
  description = "URL of each image's repository."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
}

output "repository_arns" {
  description = "ARN of each image's repository."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.arn }
}
