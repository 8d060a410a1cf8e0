# What the environment's values are made of (`make values`). environments/shared/outputs.tf hands it on.

output "region" {
  description = "AWS region."
  value       = data.aws_region.current.name
}

output "cluster_name" {
  description = "Name of the EKS cluster: `aws eks update-kubeconfig --name <this> --alias <kubernetes_context>`."
  value       = module.cluster.name
}

output "kubernetes_context" {
  description = "Name that the cluster has in the kubeconfig, and in charts-values/releases.yaml."
  value       = local.name
}

output "namespace" {
  description = "Kubernetes namespace of the platform."
  value       = var.namespace
}

output "registry" {
  description = "Where images are: <this>/slipway/<image>."
  value       = module.registry.registry
}

output "database" {
  description = "The server, Dagster's database, and those of code locations."
  value = {
    host    = module.database.host
    port    = module.database.port
    dagster = { name = "dagster", user = "dagster", secret = "dagster-postgresql-secret" }
    # By database: it and the role that owns it have one name.
    locations = merge([
      for name, location in var.code_locations : {
        for database, settings in location.databases : database => { name = database, user = database, secret = settings.secret, code_location = name }
      }
    ]...)
  }
}

output "database_secret_arns" {
  description = "Entries of Secrets Manager with passwords of the database: the master user's, and each role's by its Kubernetes Secret."
  value = merge(
    { master = module.database.master_secret_arn },
    { dagster-postgresql-secret = module.secrets.arns["dagster-postgresql-secret"] },
    merge([for location in values(var.code_locations) : { for settings in values(location.databases) : settings.secret => module.secrets.arns[settings.secret] }]...),
  )
}

output "role_sql" {
  description = "SQL that makes the server's databases and roles; passwords come from variables of the environment, named in it."
  value       = module.database.role_sql
}

output "secrets" {
  description = "By the name of each Kubernetes Secret, its entry in Secrets Manager, and whether somebody has to put the value in."
  value = {
    for name, secret in local.secrets : name => {
      entry     = module.secrets.names[name]
      key       = secret.key
      generated = secret.generate && var.password_generation > 0
    }
  }
}

output "buckets" {
  description = "Names of the buckets."
  value       = module.storage.buckets
}

output "landing_queue" {
  description = "The queue of what has landed, where a single code location has one; else see landing_queues."
  value       = length(module.storage.landing_queues) == 1 ? values(module.storage.landing_queues)[0] : null
}

output "landing_queues" {
  description = "By code location: its queue of what has landed."
  value       = module.storage.landing_queues
}

output "code_locations" {
  description = "By code location: role, ServiceAccount, entries of Secrets Manager, folders of the landing zone and the queue's URL."
  value = {
    for name, role in module.identity.code_locations : name => {
      role_arn          = role.role_arn
      service_account   = role.service_account
      secret_arns       = { for secret in keys(var.code_locations[name].secrets) : secret => module.secrets.arns[secret] }
      landing           = var.code_locations[name].landing
      landing_queue_url = try(module.storage.landing_queues[name].url, null)
    }
  }
}

output "platform_roles" {
  description = "By component: role and ServiceAccount. `control_plane` is the webserver's and the daemon's, whose ServiceAccount is one."
  value       = module.identity.platform_roles
}

output "external_secrets_role_arn" {
  description = "Role of External Secrets."
  value       = module.identity.platform_roles.external_secrets.role_arn
}

output "network" {
  description = "Addresses for NetworkPolicies. kubernetes_api and database are in these subnets; pod_identity is the agent on each node, where pods get their credentials."
  value = {
    vpc_cidr             = module.network.vpc_cidr
    private_subnet_cidrs = module.network.private_subnet_cidrs
    kubernetes_api_cidrs = module.network.private_subnet_cidrs
    endpoint_cidrs       = module.network.private_subnet_cidrs
    database_cidrs       = module.network.database_subnet_cidrs
    s3_cidrs             = module.network.s3_cidrs
    pod_identity         = { cidr = "169.254.170.23/32", port = 80 }
  }
}

output "connection_budget" {
  description = "How many connections the database has, who needs how many, and the runs at a time that follow: maxConcurrentRuns."
  value       = merge(module.database.connection_budget, { runs = var.concurrent_runs })
}

output "node_groups" {
  description = "By group of nodes: the label by which pods find it, the taint that they have to tolerate (or null), and whether it is spot capacity."
  value = {
    for name, group in var.node_groups : name => {
      label = { key = "slipway.io/nodes", value = coalesce(group.taint, name) }
      taint = group.taint == null ? null : { key = "slipway.io/nodes", value = group.taint, effect = "NoSchedule" }
      spot  = group.spot
    }
  }
}

output "policies" {
  description = "What each role may do, as JSON: for policy tests."
  value       = module.identity.policies
}
