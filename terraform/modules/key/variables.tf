variable "alias" {
  description = "Name of the key, such as slipway-prod-storage."
  type        = string
}

variable "description" {
  description = "What is encrypted with it, for the console's list."
  type        = string
}

variable "services" {
  description = "AWS services that use the key in their own name: the statement's id, the service's principals, what they do, and a condition that keeps it to what is ours."
  type = map(object({
    principals = list(string)
    actions    = list(string)
    condition = object({
      test     = string
      variable = string
      values   = list(string)
    })
  }))
  default = {}
}
