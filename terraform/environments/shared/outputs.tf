# All that terraform/platform puts out.

output "region" {
  description = "AWS region."
  value       = module.platform.region
}

output "cluster_name" {
  description = "Name of the EKS cluster: `aws eks update-kubeconfig --name <this> --alias <kubernetes_context>`."
  value       = module.platform.cluster_name
}

output "kubernetes_context" {
  description = "Name that the cluster has in the kubeconfig, and in charts-values/releases.yaml."
  value       = module.platform.kubernetes_context
}

output "namespace" {
  description = "Kubernetes namespace of the platform."
  value       = module.platform.namespace
}

output "registry" {
  description = "Where images are: <this>/slipway/<image>."
  value       = module.platform.registry
}

output "database" {
  description = "The server, Dagster's database, and those of code locations."
  value       = module.platform.database
}

output "database_secret_arns" {
  description = "Entries of Secrets Manager with passwords of the database: the master user's, and each role's by its Kubernetes Secret."
  value       = module.platform.database_secret_arns
}

output "secrets" {
  description = "By the name of each Kubernetes Secret, its entry in Secrets Manager, and whether somebody has to put the value in."
  value       = module.platform.secrets
}

output "buckets" {
  description = "Names of the buckets."
  value       = module.platform.buckets
}

output "landing_queues" {
  description = "By code location: its queue of what has landed."
  value       = module.platform.landing_queues
}

output "code_locations" {
  description = "By code location: role, ServiceAccount, entries of Secrets Manager, folders of the landing zone and the queue's URL."
  value       = module.platform.code_locations
}

output "platform_roles" {
  description = "By component: role and ServiceAccount. `control_plane` is the webserver's and the daemon's, whose ServiceAccount is one."
  value       = module.platform.platform_roles
}

output "external_secrets_role_arn" {
  description = "Role of External Secrets."
  value       = module.platform.external_secrets_role_arn
}

output "network" {
  description = "Addresses for NetworkPolicies. kubernetes_api and database are in these subnets; pod_identity is the agent on each node, where pods get their credentials."
  value       = module.platform.network
}

output "connection_budget" {
  description = "How many connections the database has, and who needs how many."
  value       = module.platform.connection_budget
}

output "policies" {
  description = "What each role may do, as JSON: for policy tests."
  value       = module.platform.policies
}
