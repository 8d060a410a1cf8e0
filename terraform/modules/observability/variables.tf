variable "name" {
  description = "Prefix of the alarms' names, such as slipway-prod."
  type        = string
}

variable "email" {
  description = "Who is told of alarms and of the budget. AWS sends a mail first that has to be confirmed."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.email))
    error_message = "email is no address of a person or a list."
  }
}

variable "database" {
  description = "The database: its identifier, how many connections it has, and the size of its disk in GiB up to which it grows."
  type = object({
    identifier      = string
    max_connections = number
  })
}

variable "queues" {
  description = "By code location, the names of its landing queue and of the dead-letter queue."
  type = map(object({
    name             = string
    dead_letter_name = string
  }))
  default = {}
}

variable "alarms" {
  description = "Make the alarms: false only for a stand-in of AWS that loses what they say (platform/stand_in.tf)."
  type        = bool
  default     = true
}

variable "queue_age_seconds" {
  description = "How old a message in a landing queue may get before somebody is told."
  type        = number
  default     = 3600
}

variable "monthly_budget_usd" {
  description = "What a month may cost, in US dollars. Told at 80 % of it, and when it is foreseen to be passed."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "A budget of nothing is passed at once."
  }
}

variable "environment" {
  description = "Value of the tag Environment by which the budget finds what belongs to it."
  type        = string
}
