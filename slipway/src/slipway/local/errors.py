"""The local platform's errors."""

from slipway.errors import UserError


class LocalPlatformError(UserError):
    """Something about the local platform that a user can put right."""
