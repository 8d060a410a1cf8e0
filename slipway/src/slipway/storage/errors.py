"""What can go wrong between an asset and its object.

Belongs here: exception classes, whether a retry of the step can help, and the common form of their
messages. Does not belong here: deciding which of them applies (that is `faults.py` and the modules
that read and write).

All are `dagster.Failure`s, which Dagster shows as they are instead of wrapping them, and which pass
a step's retry policy over where `retryable` is false.
"""

from typing import ClassVar

import dagster as dg

from slipway.storage.keys import Place


class StorageError(dg.Failure):
    """Base of everything `slipway.storage` raises on purpose."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, metadata: dict[str, str] | None = None) -> None:
        super().__init__(description=message, metadata=metadata or {}, allow_retries=self.retryable)


class StorageUrlError(StorageError, ValueError):
    """A storage URL is not one of the two accepted forms."""


class StorageCredentialsError(StorageError):
    """An S3 endpoint or profile is set and no credentials for it are."""


class ObjectError(StorageError):
    """Base of the errors about one object: the message names asset, partition, bucket and key."""

    def __init__(self, place: Place, suffix: str, problem: str, way_out: str) -> None:
        super().__init__(
            f"{place.label}: {problem} ({place.location(suffix)}). {way_out}",
            {"asset": place.asset, "partition": place.partition or "", "uri": place.uri(suffix)},
        )
        self.place = place


class MissingObjectError(ObjectError):
    """The asset, or this partition of it, has not been materialised."""


class WrongKindError(ObjectError):
    """The asset is stored as a frame and asked for as a value, or the other way round."""


class NotParquetError(ObjectError):
    """The object is there and is not a whole Parquet file."""


class NotJsonError(ObjectError):
    """The object is there and is not JSON."""


class ForeignObjectError(ObjectError):
    """The object was written by another asset or partition whose key is the same."""


class MissingColumnError(ObjectError):
    """A consumer asks for a column that the object does not have."""


class AccessDeniedError(ObjectError):
    """The server refused the credentials, or what they ask for."""


class BucketMissingError(ObjectError):
    """The bucket does not exist."""


class ObjectChangedError(ObjectError):
    """The object was replaced while it was being read."""

    retryable: ClassVar[bool] = True


class ContendedObjectError(ObjectError):
    """Others changed the object for so long that a change of ours found no gap."""

    retryable: ClassVar[bool] = True


class ServerUnreachableError(ObjectError):
    """The server did not answer, or answered with a fault of its own, for as long as was allowed."""

    retryable: ClassVar[bool] = True


class StorageFullError(ObjectError):
    """There is no room for the object."""

    retryable: ClassVar[bool] = True


class RequestFailedError(ObjectError):
    """The store refused for a reason that has no class of its own; its words are in the message."""

    retryable: ClassVar[bool] = True


class UnsupportedValueError(StorageError, TypeError):
    """An asset returned, or a consumer asked for, something that is neither a frame nor a plain value."""


class UnsupportedFrameError(StorageError, ValueError):
    """A frame holds what Parquet can't: mixed types in a column, two columns of one name."""


class PartitionsError(StorageError, ValueError):
    """What was delivered does not fit the partitions of the run."""


class SchemaMismatchError(StorageError, ValueError):
    """A column has types in two partitions that no common type can hold."""
