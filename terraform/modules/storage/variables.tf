variable "name" {
  description = "Prefix of the buckets' names, such as slipway-prod. Buckets' names are unique in the world: the account's number goes between."
  type        = string
}

variable "compute_log_days" {
  description = "How long what steps printed is kept."
  type        = number
  default     = 90
}

variable "noncurrent_days" {
  description = "How long an overwritten or deleted object can be brought back."
  type        = number
  default     = 30
}

variable "landing_folders" {
  description = "By code location, the folders of the landing zone whose new objects are announced in its queue, such as orders/."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for folder in flatten(values(var.landing_folders)) : endswith(folder, "/")])
    error_message = "A folder ends with a slash; without it, orders would announce what lands in orders-archive/ too."
  }

  validation {
    condition     = length(flatten(values(var.landing_folders))) == length(distinct(flatten(values(var.landing_folders))))
    error_message = "A folder is announced to one code location: S3 takes no two notifications of the same prefix."
  }
}

variable "landing_attempts" {
  description = "How often a message is received before it goes to the dead-letter queue."
  type        = number
  default     = 5
}

variable "force_destroy" {
  description = "Let destroy delete buckets that hold something. Never in production."
  type        = bool
  default     = false
}
