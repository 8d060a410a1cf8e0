# AWS's stand-in of the tests (ministack, docs/aws.md) lacks some things. This is the list of them, and the only place that knows.

variable "aws_stand_in" {
  description = "This is no AWS, but the tests' stand-in for it: leave out what it lacks."
  type        = bool
  default     = false
}

locals {
  stand_in = {
    # Of a node group it returns neither the launch template nor the update_config: every plan would replace the group.
    plain_node_groups = var.aws_stand_in
    # It does not know the setting.
    encrypt_volumes_by_default = var.encrypt_volumes_by_default && !var.aws_stand_in
    # Of a flow log it returns neither the role nor the interval: every plan would replace it.
    flow_logs = !var.aws_stand_in
    # Of a database it returns neither exported logs nor the key of Performance Insights; nor the master user's secret, which is
    # why modules/database puts out null for it.
    logs_and_insights = !var.aws_stand_in
    # Of an alarm it returns neither the dimensions nor the period nor whom it tells: every plan would change it.
    alarms = !var.aws_stand_in
  }
}
