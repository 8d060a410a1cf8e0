# The machines. Their role lets them join and pull images, and nothing of the platform's data: pods have roles of their own.

data "aws_iam_policy_document" "node_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "node" {
  name               = "${var.name}-eks-node"
  assume_role_policy = data.aws_iam_policy_document.node_trust.json
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset([
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
  ])

  role       = aws_iam_role.node.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.key}"
}

# Volumes of claims are encrypted by this alone: the StorageClass that the add-on makes says nothing of it. It holds for the account's
# region, not for the cluster.
resource "aws_ebs_encryption_by_default" "this" {
  count = var.encrypt_volumes_by_default ? 1 : 0

  enabled = true
}

resource "aws_launch_template" "node" {
  for_each = var.plain_node_groups ? {} : var.node_groups

  name                   = "${var.name}-${each.key}"
  update_default_version = true

  # One hop: the node itself. A pod that asks for the node's role gets no answer.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = each.value.disk_gib
      encrypted             = true
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-${each.key}" }
  }
}

resource "aws_eks_node_group" "this" {
  for_each = var.node_groups

  cluster_name    = aws_eks_cluster.this.name
  node_group_name = each.key
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnet_ids
  version         = var.kubernetes_version
  ami_type        = each.value.arm ? "AL2023_ARM_64_STANDARD" : "AL2023_x86_64_STANDARD"
  capacity_type   = each.value.spot ? "SPOT" : "ON_DEMAND"
  instance_types  = each.value.instance_types
  disk_size       = var.plain_node_groups ? each.value.disk_gib : null
  labels          = { "slipway.io/nodes" = coalesce(each.value.taint, each.key) }

  scaling_config {
    min_size     = each.value.minimum
    max_size     = each.value.maximum
    desired_size = each.value.minimum
  }

  dynamic "update_config" {
    for_each = var.plain_node_groups ? [] : [33]

    content {
      max_unavailable_percentage = update_config.value
    }
  }

  dynamic "taint" {
    for_each = each.value.taint == null ? [] : [each.value.taint]

    content {
      key    = "slipway.io/nodes"
      value  = taint.value
      effect = "NO_SCHEDULE"
    }
  }

  dynamic "launch_template" {
    for_each = var.plain_node_groups ? [] : [aws_launch_template.node[each.key]]

    content {
      id      = launch_template.value.id
      version = launch_template.value.latest_version
    }
  }

  depends_on = [
    aws_iam_role_policy_attachment.node,
    aws_eks_addon.before_nodes,
    aws_eks_pod_identity_association.addon,
  ]

  lifecycle {
    # The autoscaler's business once the group is there.
    ignore_changes = [scaling_config[0].desired_size]
  }
}
