variable "name" {
  description = "Name of the instance, such as slipway-prod."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the database, in two zones at least."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Who may connect, by a name of your own: the security group of the cluster's nodes and pods."
  type        = map(string)
}

variable "postgres_version" {
  description = "Major version of Postgres; RDS keeps the minor one up to date in the maintenance window."
  type        = string
  default     = "17"
}

variable "allow_major_version_upgrade" {
  description = "Let a raised postgres_version take effect: minutes without the database. Set it for the upgrade, and back afterwards."
  type        = bool
  default     = false
}

variable "instance_class" {
  description = "Class of the instance. Its memory decides how many connections there are: see connection_budget."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class is one of RDS's, such as db.t4g.medium or db.m7g.large."
  }
}

variable "memory_gib" {
  description = "Memory of the instance class in GiB, for classes that budget.tf does not know."
  type        = number
  default     = null
}

variable "max_connections" {
  description = "What the server says to `SHOW max_connections`, once it runs: more exact than what is computed from its memory."
  type        = number
  default     = null
}

variable "clients" {
  description = "Who connects, at most: see budget.tf for what each needs."
  type = object({
    webservers              = number
    webserver_pool_overflow = optional(number, 20)
    code_servers            = number
    concurrent_runs         = number
    run_steps_at_a_time     = optional(number, 2)
  })

  validation {
    condition     = alltrue([for count in values(var.clients) : count >= 0])
    error_message = "A number of clients is negative."
  }
}

variable "dagster_secret" {
  description = "Kubernetes Secret with the password of Dagster's role, and its key."
  type        = object({ name = string, key = string })
  default     = { name = "dagster-postgresql-secret", key = "postgresql-password" }
}

variable "databases" {
  description = "By name, databases of code locations: each is owned by a role of its name, whose password is in that Kubernetes Secret, and which may have so many connections."
  type = map(object({
    secret      = string
    connections = number
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z][a-z0-9_]{0,62}$", name)) && !contains(["dagster", "postgres", "rdsadmin", "slipway_admin"], name)])
    error_message = "A database's name is lower case letters, digits and _, and not one that is taken: dagster, postgres, rdsadmin, slipway_admin."
  }
}

variable "storage_gib" {
  description = "Disk at the beginning, in GiB."
  type        = number
  default     = 50
}

variable "max_storage_gib" {
  description = "Up to where RDS makes the disk larger by itself."
  type        = number
  default     = 500
}

variable "multi_az" {
  description = "A standby in another zone that takes over within a minute or two; doubles the price."
  type        = bool
  default     = true
}

variable "backup_retention_days" {
  description = "How far back the database can be restored to any second (point-in-time recovery)."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "RDS keeps 1 to 35 days; 0 would turn off point-in-time recovery."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the instance."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "When it is deleted at last, take a snapshot before, which stays."
  type        = bool
  default     = true
}

variable "port" {
  description = "Port of Postgres."
  type        = number
  default     = 5432
}

variable "logs_and_insights" {
  description = "Postgres' logs in CloudWatch, and which statements it waits for (Performance Insights, 7 days, free of charge)."
  type        = bool
  default     = true
}

variable "log_kms_key_arn" {
  description = "KMS key that encrypts Postgres' logs in CloudWatch."
  type        = string
}

variable "log_retention_days" {
  description = "How long Postgres' logs are kept."
  type        = number
  default     = 30
}
