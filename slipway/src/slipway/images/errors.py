"""What can go wrong with images, for the person at the command line."""

from slipway.errors import UserError


class ImageError(UserError):
    """An image that can't be built or pushed."""
