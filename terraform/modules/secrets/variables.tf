variable "name" {
  description = "Prefix of the entries' names, such as slipway-prod: an entry is <name>/<Kubernetes Secret>."
  type        = string
}

variable "secrets" {
  description = <<-EOT
    By the name of the Kubernetes Secret that each becomes. `key`: the Secret's key. `generate`: a random password is put in, which
    appears neither in the plan nor in the state; otherwise somebody puts the value in (the password of a system that is not
    ours). `code_location`: whose it is; null for the platform's.
  EOT
  type = map(object({
    key           = string
    generate      = optional(bool, true)
    code_location = optional(string)
  }))
}

variable "generation" {
  description = "Raise it to generate all passwords again; then role_sql has to be run again too. 0: none is generated, somebody puts all of them in."
  type        = number
  default     = 1

  validation {
    condition     = var.generation >= 0 && floor(var.generation) == var.generation
    error_message = "generation is a whole number, which is raised."
  }
}

variable "recovery_days" {
  description = "How long a deleted entry can be brought back: 7 to 30 days, or 0 to delete at once."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "Secrets Manager keeps deleted entries for 7 to 30 days; 0 deletes at once."
  }
}
