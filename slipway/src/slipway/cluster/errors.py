"""The cluster's errors."""

from slipway.errors import UserError


class ClusterError(UserError):
    """Something about the container engine or the kind cluster that a user can put right."""


class EngineError(ClusterError):
    """No container engine can be used on this machine: the one thing for which tests of a cluster may be skipped."""

    exit_code = 3
