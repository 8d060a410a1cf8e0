"""The cluster's errors."""

from slipway.errors import UserError


class ClusterError(UserError):
    """Something about the container engine or the kind cluster that a user can put right."""
