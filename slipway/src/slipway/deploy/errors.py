"""What can go wrong with a deployment, for the person at the command line."""

from slipway.errors import UserError


class DeployError(UserError):
    """A deployment, or a look at one, that a person can put right."""
