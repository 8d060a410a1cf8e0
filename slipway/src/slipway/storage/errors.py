"""What can go wrong between an asset and its object, each with the way out.

Belongs here: exception classes and the words of their messages. Does not belong here: deciding
which of them applies (that is `faults.py`).
"""


class StorageError(Exception):
    """Base of everything `slipway.storage` raises on purpose."""


class StorageUrlError(StorageError, ValueError):
    """A storage URL is not one of the two accepted forms."""


class StorageCredentialsError(StorageError):
    """An S3 endpoint is set and no credentials for it are."""
