# No configuration of its own: the place that `terraform test` runs the tests of all modules from (tests/), in one process.
terraform {
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
