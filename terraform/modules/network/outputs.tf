output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "Addresses of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "Subnets of nodes and pods, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "private_subnet_cidrs" {
  description = "Addresses of nodes, pods, interface endpoints and the cluster's API, in the order of the zones."
  value       = [for zone in var.zones : local.private_cidrs[zone]]
}

output "database_subnet_ids" {
  description = "Subnets of the database, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.database[zone].id]
}

output "database_subnet_cidrs" {
  description = "Addresses that the database may have, in the order of the zones."
  value       = [for zone in var.zones : local.database_cidrs[zone]]
}

output "s3_prefix_list_id" {
  description = "AWS's own list of S3's addresses in the region, for security groups."
  value       = aws_vpc_endpoint.s3.prefix_list_id
}

output "s3_cidrs" {
  description = "S3's addresses in the region as of now; AWS adds some now and then."
  value       = aws_vpc_endpoint.s3.cidr_blocks
}
