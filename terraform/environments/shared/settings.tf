# What differs from company to company rather than from environment to environment: terraform.tfvars, or TF_VAR_.

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "account_id" {
  description = "Number of the AWS account that this environment is in. With another account's credentials nothing is planned or applied."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is the account's twelve digits."
  }
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget."
  type        = string
}

variable "administrators" {
  description = "ARNs of the IAM roles that administer the cluster, by a name of your own."
  type        = map(string)
}

variable "teams" {
  description = "By code location, ARNs of the IAM roles of its team, which may look at the platform's namespace: pods and logs, no Secrets. RBAC of your own finds them as the group slipway:<code location>."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.teams) : contains(keys(local.code_locations), name)])
    error_message = "teams names a code location that code_locations.tf does not have."
  }
}

variable "password_generation" {
  description = "Raise it to generate all passwords again; then role_sql has to be run again. 0: somebody puts all of them in."
  type        = number
  default     = 1
}

variable "aws_stand_in" {
  description = "For tests alone: terraform/platform/stand_in.tf."
  type        = bool
  default     = false
}

provider "aws" {
  region              = var.region
  allowed_account_ids = var.account_id == null ? null : [var.account_id]

  default_tags {
    tags = {
      Project     = "slipway"
      Environment = local.environment
      ManagedBy   = "terraform"
    }
  }
}

locals {
  zones = [for letter in ["a", "b", "c"] : "${var.region}${letter}"]

  access_entries = merge(
    { for name, arn in var.administrators : name => { principal_arn = arn, policy = "AmazonEKSClusterAdminPolicy" } },
    {
      for each in flatten([for name, arns in var.teams : [for index, arn in arns : { name = name, index = index, arn = arn }]]) :
      "team-${each.name}-${each.index}" => {
        principal_arn = each.arn
        policy        = "AmazonEKSViewPolicy"
        namespaces    = ["slipway"]
        groups        = ["slipway:${each.name}"]
      }
    },
  )
}
