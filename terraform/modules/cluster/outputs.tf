output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "Address of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "security_group_id" {
  description = "Security group that EKS made: the API's interfaces, the nodes and their pods have it."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "oidc_provider" {
  description = "The cluster as an OpenID Connect provider, for roles of IRSA; null without it."
  value = var.irsa ? {
    arn    = aws_iam_openid_connect_provider.this[0].arn
    issuer = trimprefix(local.issuer, "https://")
  } : null
}
