"""What can go wrong with Terraform, for the person at the command line."""

from slipway.errors import UserError


class TerraformError(UserError):
    """A call of Terraform that a person can put right."""


class TerraformMissingError(TerraformError):
    """Terraform, or a provider of it, is not on this machine."""
