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

output "role_sql" {
  description = "SQL that makes the server's databases and roles; passwords come from variables of the environment, named in it."
  value       = module.platform.role_sql
}

output "secrets" {
  description = "By the name of each Kubernetes Secret, its entry in Secrets Manager, and whether somebody has to put the value in."
  value       = module.platform.secrets
}

output "buckets" {
  description = "Names of the buckets."
  value       = module.platform.buckets
}

output "landing_queue" {
  description = "The queue of what has landed, where a single code location has one; else see landing_queues."
  value       = module.platform.landing_queue
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
  description = "How many connections the database has, who needs how many, and the runs at a time that follow: maxConcurrentRuns."
  value       = module.platform.connection_budget
}

output "node_groups" {
  description = "By group of nodes: the label by which pods find it, the taint that they have to tolerate (or null), and whether it is spot capacity."
  value       = module.platform.node_groups
}

output "policies" {
  description = "What each role may do, as JSON: for policy tests."
  value       = module.platform.policies
}
