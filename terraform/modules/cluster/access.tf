# Who may what: people by access entries, pods by Pod Identity, or by IRSA.

resource "aws_eks_access_entry" "this" {
  for_each = var.access_entries

  cluster_name      = aws_eks_cluster.this.name
  principal_arn     = each.value.principal_arn
  kubernetes_groups = each.value.groups
}

resource "aws_eks_access_policy_association" "this" {
  for_each = { for name, entry in var.access_entries : name => entry if entry.policy != null }

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.this[each.key].principal_arn
  policy_arn    = "arn:${data.aws_partition.current.partition}:eks::aws:cluster-access-policy/${each.value.policy}"

  access_scope {
    type       = length(each.value.namespaces) > 0 ? "namespace" : "cluster"
    namespaces = each.value.namespaces
  }
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = var.service_account_roles

  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.service_account
  role_arn        = each.value.role_arn
}

locals {
  # On AWS it is https already; a stand-in says http, which the resource refuses.
  issuer = replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "http://", "https://")
}

resource "aws_iam_openid_connect_provider" "this" {
  count = var.irsa ? 1 : 0

  url            = local.issuer
  client_id_list = ["sts.amazonaws.com"]
}
