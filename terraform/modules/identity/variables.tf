variable "name" {
  description = "Prefix of the roles' names, such as slipway-prod."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the platform."
  type        = string
}

variable "cluster_name" {
  description = "The cluster whose pods take the roles."
  type        = string
}

variable "oidc_provider" {
  description = "The cluster's OpenID Connect provider (modules/cluster, irsa): roles trust it then, besides Pod Identity."
  type = object({
    arn    = string
    issuer = string
  })
  default = null
}

variable "bucket_arns" {
  description = "ARNs of the buckets `assets`, `compute_logs` and `landing`."
  type = object({
    assets       = string
    compute_logs = string
    landing      = string
  })
}

variable "storage_key_arn" {
  description = "KMS key of buckets and queues."
  type        = string
}

variable "secrets_key_arn" {
  description = "KMS key of Secrets Manager's entries."
  type        = string
}

variable "secret_arns" {
  description = "All entries that become Kubernetes Secrets: what External Secrets may read."
  type        = list(string)
}

variable "external_secrets_account" {
  description = "ServiceAccount of External Secrets."
  type        = object({ namespace = string, service_account = string })
  default     = { namespace = "external-secrets", service_account = "external-secrets" }
}

variable "code_locations" {
  description = <<-EOT
    By the code location's name as Kubernetes spells it, which is its ServiceAccount's too. It writes assets whose key begins with
    its own name (sales_orders for sales-orders). `assets`: other first parts of keys of assets that it writes (raw_orders, or raw
    for raw/mind); nobody else writes them. `reads`: those of others. `landing`: its folders of the landing zone. `queue_arn`:
    its queue. `secret_arns`: its entries of Secrets Manager.
  EOT
  type = map(object({
    assets      = optional(list(string), [])
    reads       = optional(list(string), [])
    landing     = optional(list(string), [])
    queue_arn   = optional(string)
    secret_arns = optional(list(string), [])
  }))

  validation {
    condition     = alltrue([for name in keys(var.code_locations) : can(regex("^[a-z]([a-z0-9-]{0,32}[a-z0-9])?$", name))])
    error_message = "Write the name of a code location as Kubernetes does: lower case, digits and dashes, 34 at most (sales-orders, not sales_orders)."
  }

  validation {
    condition = alltrue([
      for part in flatten([for location in values(var.code_locations) : concat(location.assets, location.reads)]) :
      can(regex("^[A-Za-z0-9_-]+$", part))
    ])
    error_message = "assets and reads are first parts of asset keys: no slash, no star, no bucket."
  }

  validation {
    condition = length(flatten([for name, location in var.code_locations : concat([replace(name, "-", "_")], location.assets)])) == length(distinct(flatten([
      for name, location in var.code_locations : concat([replace(name, "-", "_")], location.assets)
    ])))
    error_message = "An asset is written by one code location (its own name need not be in its `assets`); others name it in `reads`."
  }
}
