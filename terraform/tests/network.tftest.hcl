mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "slipway-test"
  cluster_name    = "slipway-test"
  zones           = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  log_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/logs"
}

run "has_three_zones" {
  command = plan

  module {
    source = "./modules/network"
  }

  assert {
    condition     = output.private_subnet_cidrs == ["10.40.0.0/19", "10.40.32.0/19", "10.40.64.0/19"] && output.database_subnet_cidrs == ["10.40.210.0/24", "10.40.211.0/24", "10.40.212.0/24"]
    error_message = "A private subnet and one for the database in each zone."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.nat) == 3
    error_message = "Each zone has its own way out: one zone's loss is not the others'."
  }

  assert {
    condition     = alltrue([for subnet in merge(aws_subnet.private, aws_subnet.public, aws_subnet.database) : subnet.map_public_ip_on_launch != true])
    error_message = "Nothing gets a public address by itself."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && length(aws_vpc_endpoint.interface) == 7
    error_message = "S3 is reached over a route; ECR (twice), STS, Secrets Manager, logs, SQS and Pod Identity over addresses of the VPC."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.endpoints : rule.cidr_ipv4]) == toset(output.private_subnet_cidrs)
    error_message = "Interface endpoints are for the private subnets."
  }

  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "The default security group lets nothing through."
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "ALL"
    error_message = "All traffic is logged, refused packets too."
  }
}

run "saves_gateways" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    nat_gateway_per_zone = false
    interface_endpoints  = []
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"] && length(aws_route.nat) == 3
    error_message = "One gateway for all three zones."
  }
}

run "refuses_what_makes_no_sense" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr  = "10.40.0.0/24"
    zones = ["eu-central-1a", "eu-central-1a"]
  }

  expect_failures = [var.cidr, var.zones]
}
