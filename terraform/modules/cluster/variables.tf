variable "name" {
  description = "Name of the cluster, such as slipway-prod."
  type        = string
}

variable "kubernetes_version" {
  description = "Kubernetes of the control plane and the nodes, such as 1.34. Raise it by one minor version at a time."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version is a minor version such as 1.34, without a patch."
  }
}

variable "subnet_ids" {
  description = "Private subnets of nodes, pods and the API's network interfaces."
  type        = list(string)
}

variable "public_access_cidrs" {
  description = "Addresses that may reach the API from the internet. None: the API has a private address only, and people come by VPN or a tunnel."
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.public_access_cidrs, "0.0.0.0/0")
    error_message = "The API is not for the whole internet: name the addresses of your office or VPN, or none."
  }
}

variable "node_groups" {
  description = <<-EOT
    Groups of nodes by name. `spot`: spare capacity that AWS takes back with two minutes' notice, for a third of the price; for
    runs, which are retried, never for the control plane. `arm`: Graviton; the images have to be built for arm64. `taint`: only
    pods that tolerate slipway.io/nodes=<taint> are placed there, and they find it by the label of the same name.
  EOT
  type = map(object({
    instance_types = list(string)
    minimum        = number
    maximum        = number
    spot           = optional(bool, false)
    arm            = optional(bool, false)
    taint          = optional(string)
    disk_gib       = optional(number, 50)
  }))

  validation {
    condition     = anytrue([for group in values(var.node_groups) : !group.spot && group.taint == null && group.minimum >= 2])
    error_message = "One group has to take whatever has no special wish (coredns, the webservers, the daemon): on demand, without a taint, with a minimum of 2 nodes."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.minimum <= group.maximum && group.maximum > 0])
    error_message = "The minimum of a group of nodes is above its maximum, or its maximum is 0."
  }

  validation {
    condition = alltrue(flatten([
      for group in values(var.node_groups) :
      [for type in group.instance_types : can(regex("^[a-z]+[0-9]+[a-z]*g[a-z]*\\.", type)) == group.arm]
    ]))
    error_message = "Types of instances and `arm` disagree: Graviton's have a g behind the generation (m7g.large), and are for groups with arm = true only."
  }
}

variable "encrypt_volumes_by_default" {
  description = "Encrypt every new EBS volume of the account in this region. Leave it to one environment where two are in an account: destroy turns it off."
  type        = bool
  default     = true
}

variable "service_account_roles" {
  description = "Roles that the cluster gives to ServiceAccounts by Pod Identity, by a name of your own."
  type = map(object({
    namespace       = string
    service_account = string
    role_arn        = string
  }))
  default = {}
}

variable "irsa" {
  description = "Also make the cluster an OpenID Connect provider of the account (IAM roles for service accounts): for nodes on which Pod Identity's agent can't run, such as Fargate."
  type        = bool
  default     = false
}

variable "access_entries" {
  description = <<-EOT
    Who may do what, by a name of your own. `policy` is one of EKS's: AmazonEKSClusterAdminPolicy, AmazonEKSAdminPolicy,
    AmazonEKSEditPolicy, AmazonEKSViewPolicy. With `namespaces` it holds there only. `groups` are for RBAC of your own.
  EOT
  type = map(object({
    principal_arn = string
    policy        = optional(string)
    namespaces    = optional(list(string), [])
    groups        = optional(list(string), [])
  }))
  default = {}

  validation {
    condition = alltrue([
      for entry in values(var.access_entries) :
      entry.policy == null || contains(["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy"], coalesce(entry.policy, "-"))
    ])
    error_message = "policy is AmazonEKSClusterAdminPolicy, AmazonEKSAdminPolicy, AmazonEKSEditPolicy or AmazonEKSViewPolicy."
  }

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : entry.policy != null || length(entry.groups) > 0])
    error_message = "An access entry without a policy and without groups gives nobody anything."
  }
}

variable "log_retention_days" {
  description = "How long the control plane's logs are kept, the audit log among them."
  type        = number
  default     = 365
}

variable "log_kms_key_arn" {
  description = "KMS key that encrypts the control plane's logs."
  type        = string
}

variable "plain_node_groups" {
  description = "Leave out the nodes' launch template and the pace of their updates: only for a stand-in of AWS that loses both (platform/stand_in.tf)."
  type        = bool
  default     = false
}
