"""`LandingBucket`: where other systems put files for us.

Belongs here: listing, reading, writing and moving objects of the landing zone. Does not belong here:
assets (`slipway.storage`), and what is in the files.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from obstore import ReadableFile
    from obstore.store import ObjectStore

# As S3 servers differ in the HTTP status: versitygw answers an unknown access key with 404.


class LandingError(dg.Failure):
    """Something about an object or the bucket that trying again does not cure."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(description=message, metadata={"url": url}, allow_retries=self.retryable)


class MissingObjectError(LandingError):
    """There is no such object, or no such bucket."""


class LandingUnavailableError(LandingError):
    """The server did not answer within the time allowed; a later attempt may succeed."""

    retryable = True


@dataclass(frozen=True)
class LandingObject:
    """One object: its key below the bucket's URL, bytes, and when it was last written (UTC)."""

    key: str
    size: int
    modified: dt.datetime


class LandingBucket(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The landing zone, `s3://bucket[/prefix]` or `file:///folder`.

    Give the URL as `dg.EnvVar("SLIPWAY_LANDING_URL")`. Keys are relative to it. Access is that of the
    standard AWS variables, see `slipway.storage.store.open_store`. Requests are repeated for up to
    `retry_seconds`; every failure names bucket and key.
    """

    url: str = Field(description="s3://bucket, s3://bucket/prefix or file:///folder.")
    retry_seconds: float = Field(
        default=60.0, gt=0, description="How long a request is repeated while the server does not answer."
    )

    def list(self, prefix: str = "", *, since: dt.datetime | None = None) -> Iterator[LandingObject]:
        """Yield the objects below the folder `prefix`, a thousand per request, in the order of the store.

        `since` leaves out what was last written before it; it has a time zone. S3 can't search by time:
        all keys below `prefix` are listed, so give each day a prefix where there are many.

        Raises:
            MissingObjectError: the bucket does not exist.
            LandingUnavailableError, LandingError.
        """
        with self._named(prefix):
            for page in self._store().list(prefix or None):
                for found in page:
                    if since is None or found["last_modified"] >= since:
                        yield LandingObject(found["path"], found["size"], found["last_modified"])

    def open(self, key: str) -> "ReadableFile":
        """Return the object as a seekable binary file, which reads a megabyte at a time.

        Raises:
            MissingObjectError: there is no such object.
            LandingUnavailableError, LandingError.
        """
        import obstore  # noqa: PLC0415 - only runs that touch the landing zone need it

        with self._named(key):
            return obstore.open_reader(self._store(), key)

    def read(self, key: str) -> bytes:
        """Return the whole object; raises as `open`."""
        with self._named(key):
            return bytes(self._store().get(key).bytes())

    def write(self, key: str, data: bytes | IO[bytes] | Iterable[bytes] | Path) -> None:
        """Write an object, streamed unless it is `bytes`; readers see it whole or not at all.

        Raises:
            MissingObjectError: the bucket does not exist.
            LandingUnavailableError, LandingError.
        """
        with self._named(key):
            self._store().put(key, data)

    def move(self, key: str, to: str) -> None:
        """Copy the object to the key `to`, inside the store, then delete it; `to` is overwritten.

        After a crash between the two both exist: moving again completes it. S3 copies up to 5 GB.

        Raises:
            MissingObjectError: there is no object `key`.
            LandingUnavailableError, LandingError.
        """
        with self._named(key):
            store = self._store()
            store.copy(key, to)
            store.delete(key)

    def _store(self) -> "ObjectStore":
        from slipway.storage.store import open_store  # noqa: PLC0415

        return open_store(self.url, retry_seconds=self.retry_seconds)

    @contextmanager
    def _named(self, key: str) -> Iterator[None]:
        """Say bucket and key in whatever the store raises."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            raise self._explained(f"{self.url.rstrip('/')}/{key}", error) from error

    def _explained(self, place: str, error: Exception) -> LandingError:
        text = str(error).split("\n\nDebug source", 1)[0]
        from slipway.storage.faults import DENIED_CODES, ERROR_CODE  # noqa: PLC0415 - storage imports pyarrow

        found = ERROR_CODE.search(text)
        code, kind = found.group(1) if found else "", type(error).__name__
        said = " ".join(text.split("<?xml", 1)[0].split()).rstrip(":")
        if code == "NoSuchBucket":
            return MissingObjectError(
                f"{place}: the bucket does not exist; create it, or correct the URL", url=place
            )
        if DENIED_CODES.search(code) or kind in ("PermissionDeniedError", "UnauthenticatedError"):
            advice = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy"
            return LandingError(f"{place}: access denied ({code or 'HTTP 403'}); {advice}", url=place)
        if isinstance(error, FileNotFoundError):
            return MissingObjectError(f"{place}: there is no such object", url=place)
        if kind == "GenericError":
            waited = f"after repeating for up to {self.retry_seconds:g} s"
            return LandingUnavailableError(f"{place}: no good answer {waited}: {code} {said}", url=place)
        return LandingError(f"{place}: {code} {said}", url=place)
