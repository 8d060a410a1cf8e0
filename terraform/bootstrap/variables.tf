variable "region" {
  description = "AWS region of the bucket."
  type        = string
  default     = "eu-central-1"
}

variable "environment" {
  description = "Whose state it is: dev or prod. Apply it once in each account (or once for each environment in the same one)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "An environment's name is 2 to 12 lower case letters and digits."
  }
}

variable "account_id" {
  description = "Number of the AWS account; with another account's credentials nothing is applied."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is the account's twelve digits."
  }
}
