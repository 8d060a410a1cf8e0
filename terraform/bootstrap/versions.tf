terraform {
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The one that everything here was tested with; modules take any 5.x from it on.
      version = "5.100.0"
    }
  }
}
