# What environments may differ in. What they have in common is a default here, or stands in main.tf.

variable "environment" {
  description = "dev, prod, or another of charts-values/releases.yaml. Part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "An environment's name is 2 to 12 lower case letters and digits: it becomes part of buckets' names."
  }
}

variable "zones" {
  description = "Availability zones, two to four."
  type        = list(string)
}

variable "vpc_cidr" {
  description = "Addresses of the VPC, a /16. Different in each environment that is to be connected to the same network."
  type        = string
}

variable "nat_gateway_per_zone" {
  description = "A NAT gateway in each zone, or one for all."
  type        = bool
  default     = true
}

variable "interface_endpoints" {
  description = "AWS services that are reached without NAT; null for the network module's own list."
  type        = set(string)
  default     = null
}

variable "namespace" {
  description = "Kubernetes namespace, as in charts-values/releases.yaml."
  type        = string
  default     = "slipway"
}

variable "kubernetes_version" {
  description = "Kubernetes' minor version, such as 1.34."
  type        = string
}

variable "api_access_cidrs" {
  description = "Addresses that may reach the Kubernetes API from the internet; none by default."
  type        = list(string)
  default     = []
}

variable "node_groups" {
  description = "Groups of nodes: see modules/cluster."
  type = map(object({
    instance_types = list(string)
    minimum        = number
    maximum        = number
    spot           = optional(bool, false)
    arm            = optional(bool, false)
    taint          = optional(string)
    disk_gib       = optional(number, 50)
  }))
}

variable "encrypt_volumes_by_default" {
  description = "Encrypt every new volume of the account: see modules/cluster. One environment of an account does."
  type        = bool
  default     = true
}

variable "access_entries" {
  description = "Who may do what in the cluster: see modules/cluster. The platform's administrators, and a view for each location's team."
  type = map(object({
    principal_arn = string
    policy        = optional(string)
    namespaces    = optional(list(string), [])
    groups        = optional(list(string), [])
  }))
  default = {}
}

variable "irsa" {
  description = "Also let roles be taken by ServiceAccount tokens (IRSA)."
  type        = bool
  default     = false
}

variable "database" {
  description = "Size and safety of the database: see modules/database."
  type = object({
    instance_class        = string
    multi_az              = bool
    deletion_protection   = bool
    backup_retention_days = number
    storage_gib           = optional(number, 50)
    max_connections       = optional(number)
    postgres_version      = optional(string, "17")

    allow_major_version_upgrade = optional(bool, false)
  })

  validation {
    condition     = var.environment != "prod" || (var.database.multi_az && var.database.backup_retention_days >= 7)
    error_message = "prod's database has a standby (multi_az), and can be taken back by a week at least."
  }
}

variable "concurrent_runs" {
  description = "How many runs go at a time: maxConcurrentRuns of charts-values/dagster. The plan fails if the database can't take them."
  type        = number
  default     = 24

  validation {
    condition     = var.concurrent_runs >= 1 && floor(var.concurrent_runs) == var.concurrent_runs
    error_message = "concurrent_runs is a whole number, 1 at least."
  }
}

variable "webservers" {
  description = "Replicas of the webserver, as in charts-values/dagster."
  type        = number
  default     = 2
}

variable "code_locations" {
  description = <<-EOT
    By the code location's name as Kubernetes spells it. `assets`, `reads`, `landing`: see modules/identity. `databases`: databases of
    this server that it owns, with the Secret that holds the password and how many connections it may have at most. `secrets`:
    Kubernetes Secrets of its own, with key `password`; `generate` false where the password is another system's and somebody has
    to put it in.
  EOT
  type = map(object({
    assets    = optional(list(string), [])
    reads     = optional(list(string), [])
    landing   = optional(list(string), [])
    databases = optional(map(object({ secret = string, connections = optional(number, 20) })), {})
    secrets   = optional(map(object({ generate = optional(bool, true) })), {})
  }))

  validation {
    condition = alltrue(flatten([
      for location in values(var.code_locations) : [for database in values(location.databases) : contains(keys(location.secrets), database.secret)]
    ]))
    error_message = "The secret of a database has to be one of the code location's own `secrets`."
  }

  validation {
    condition     = length(flatten([for location in values(var.code_locations) : keys(location.databases)])) == length(distinct(flatten([for location in values(var.code_locations) : keys(location.databases)])))
    error_message = "Two code locations own the same database. It has one owner; the other one can be let in by SQL."
  }
}

variable "password_generation" {
  description = "Raise it to generate all passwords again (modules/secrets)."
  type        = number
  default     = 1
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget."
  type        = string
}

variable "monthly_budget_usd" {
  description = "What a month may cost, in US dollars."
  type        = number
}

variable "disposable" {
  description = "Let destroy take everything with it: buckets and repositories that hold something, secrets at once. Never in production."
  type        = bool
  default     = false

  validation {
    condition     = !(var.disposable && var.environment == "prod")
    error_message = "prod is not disposable."
  }
}
