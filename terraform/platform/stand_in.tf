# AWS's stand-in of the tests (ministack, docs/aws.md) lacks some things. This is the list of them, and the only place that knows.

variable "aws_stand_in" {
  description = "This is no AWS, but the tests' stand-in for it: leave out what it lacks."
  type        = bool
  default     = false
}

locals {
  stand_in = {
    # It does not return a node group's launch template, so that every plan would replace the group.
    without_launch_template = var.aws_stand_in
  }
}
