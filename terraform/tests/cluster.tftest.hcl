mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name               = "slipway-test"
  kubernetes_version = "1.34"
  subnet_ids         = ["subnet-1", "subnet-2"]
  log_kms_key_arn    = "arn:aws:kms:eu-central-1:111122223333:key/logs"

  node_groups = {
    general = { instance_types = ["m7i.large"], minimum = 2, maximum = 4 }
    runs    = { instance_types = ["m7g.xlarge", "m6g.xlarge"], minimum = 0, maximum = 20, spot = true, arm = true, taint = "runs" }
  }

  access_entries = {
    platform = { principal_arn = "arn:aws:iam::111122223333:role/platform", policy = "AmazonEKSClusterAdminPolicy" }
    orders   = { principal_arn = "arn:aws:iam::111122223333:role/orders-team", policy = "AmazonEKSViewPolicy", namespaces = ["slipway"] }
  }

  service_account_roles = {
    orders = { namespace = "slipway", service_account = "orders", role_arn = "arn:aws:iam::111122223333:role/orders" }
  }
}

run "is_private" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && aws_eks_cluster.this.vpc_config[0].endpoint_public_access == false
    error_message = "The API has a private address only."
  }

  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5 && aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"])
    error_message = "All of the control plane's logs are kept, and Secrets are encrypted."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions == false
    error_message = "Who may what is in access entries, and nowhere else."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "NetworkPolicies hold."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.after_nodes["aws-ebs-csi-driver"].configuration_values).defaultStorageClass.enabled
    error_message = "Volumes that name no class have one."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0 && output.oidc_provider == null
    error_message = "IRSA is an option."
  }
}

run "has_nodes_by_purpose" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = aws_eks_node_group.this["general"].capacity_type == "ON_DEMAND" && length(aws_eks_node_group.this["general"].taint) == 0
    error_message = "The control plane is on nodes that stay."
  }

  assert {
    condition = (
      aws_eks_node_group.this["runs"].capacity_type == "SPOT"
      && aws_eks_node_group.this["runs"].ami_type == "AL2023_ARM_64_STANDARD"
      && one(aws_eks_node_group.this["runs"].taint).value == "runs"
      && one(aws_eks_node_group.this["runs"].taint).effect == "NO_SCHEDULE"
      && aws_eks_node_group.this["runs"].labels["slipway.io/nodes"] == "runs"
    )
    error_message = "Runs have spot nodes of their own, which nothing else gets on."
  }

  assert {
    condition     = alltrue([for each in aws_launch_template.node : each.metadata_options[0].http_tokens == "required" && each.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "A pod does not get at its node's role."
  }

  assert {
    condition     = alltrue([for each in aws_launch_template.node : each.block_device_mappings[0].ebs[0].encrypted == "true"])
    error_message = "Nodes' disks are encrypted."
  }

  assert {
    condition     = aws_ebs_encryption_by_default.this[0].enabled && jsondecode(aws_eks_addon.after_nodes["aws-ebs-csi-driver"].configuration_values).defaultStorageClass.enabled
    error_message = "Claims find a StorageClass, and their volumes are encrypted."
  }

  assert {
    condition     = !anytrue([for each in aws_iam_role_policy_attachment.node : strcontains(each.policy_arn, "CNI")])
    error_message = "Nodes may not change the network: the CNI has a role of its own."
  }
}

run "lets_in_who_is_named" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  variables {
    irsa                = true
    public_access_cidrs = ["192.0.2.0/24"]
  }

  assert {
    condition = (
      aws_eks_access_policy_association.this["platform"].access_scope[0].type == "cluster"
      && aws_eks_access_policy_association.this["orders"].access_scope[0].type == "namespace"
      && aws_eks_access_policy_association.this["orders"].access_scope[0].namespaces == toset(["slipway"])
    )
    error_message = "Administrators everywhere, a location's team in the platform's namespace."
  }

  assert {
    condition     = aws_eks_pod_identity_association.this["orders"].service_account == "orders" && aws_eks_pod_identity_association.this["orders"].namespace == "slipway"
    error_message = "A ServiceAccount gets its role."
  }

  assert {
    condition     = output.oidc_provider.issuer == "oidc.eks.eu-central-1.amazonaws.com/id/MOCK" && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["192.0.2.0/24"])
    error_message = "With IRSA the cluster is an OpenID Connect provider; from the internet only those addresses."
  }
}

run "refuses_what_makes_no_sense" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  variables {
    kubernetes_version  = "1.34.2"
    public_access_cidrs = ["0.0.0.0/0"]
    node_groups         = { runs = { instance_types = ["m7g.large"], minimum = 0, maximum = 3, spot = true, taint = "runs" } }
    access_entries      = { nobody = { principal_arn = "arn:aws:iam::111122223333:role/x" } }
  }

  expect_failures = [var.kubernetes_version, var.public_access_cidrs, var.node_groups, var.access_entries]
}
