variable "name" {
  description = "Prefix of every resource's name, such as slipway-prod."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC: a /16, of which each zone gets a /19 for pods and nodes, a /24 for the NAT gateway and a /24 for the database."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr has to be a /16 such as 10.40.0.0/16: the subnets are cut out of it."
  }
}

variable "zones" {
  description = "Availability zones, two to four. RDS and EKS need two; three bear the loss of one without half the capacity gone."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
    error_message = "Name two to four different zones, such as eu-central-1a, eu-central-1b and eu-central-1c."
  }
}

variable "nat_gateway_per_zone" {
  description = "A NAT gateway in each zone (survives the loss of a zone), or a single one for all (a third of the price)."
  type        = bool
  default     = true
}

variable "interface_endpoints" {
  description = "AWS services that are reached inside the VPC, without NAT. Each costs by the hour and zone."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs", "sqs", "eks-auth"]
  nullable    = false
}

variable "cluster_name" {
  description = "Name of the EKS cluster, for the tags by which its load balancers find their subnets."
  type        = string
}

variable "flow_logs" {
  description = "Keep who spoke to whom: for the question after an incident."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
  default     = 30
}

variable "log_kms_key_arn" {
  description = "KMS key that encrypts the flow logs."
  type        = string
}
