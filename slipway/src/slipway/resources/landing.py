"""`LandingBucket`: where other systems put files for us.

Belongs here: listing, reading, writing and moving objects of the landing zone. Does not belong here:
assets (`slipway.storage`), and what is in the files.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from obstore import ObjectMeta, ReadableFile
    from obstore.store import ObjectStore

PAGE = 1000
"""Objects of a page: what S3 answers at most."""
CHUNK = 1024 * 1024

_MADE_UP = re.compile(r"\d+-\d{8}T\d{6}")


class LandingError(dg.Failure):
    """Something about an object or the bucket that trying again does not cure."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(description=message, metadata={"url": url}, allow_retries=self.retryable)


class MissingObjectError(LandingError):
    """There is no such object, or no such bucket."""


class SupersededObjectError(LandingError):
    """The object has been overwritten since: it is not the version that was asked for."""


class LandingUnavailableError(LandingError):
    """The server did not answer within the time allowed; a later attempt may succeed."""

    retryable = True


@dataclass(frozen=True)
class LandingObject:
    """One version of one object: its key below the bucket's URL, bytes, and when it was written (UTC).

    `e_tag` is without quotes, and empty where the server knows none (a file put into the folder of a server
    that keeps objects as files). S3 gives a multipart upload the time at which it was begun.
    """

    key: str
    size: int
    modified: dt.datetime
    e_tag: str = ""

    @property
    def version(self) -> str:
        """What tells this version from others of the key: the ETag, else size and time."""
        return self.e_tag or f"{self.size}-{self.modified:%Y%m%dT%H%M%S}"


@dataclass(frozen=True)
class Download:
    """A version that is being read: what it is, known before its first byte, and its bytes."""

    found: LandingObject
    chunks: Iterator[bytes]


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
                        yield _object(found)

    def pages(
        self, prefix: str = "", *, after: str = "", seconds: float | None = None
    ) -> Iterator[Sequence[LandingObject]]:
        """Yield the objects below the folder `prefix` by key, from the first key behind `after`, by pages.

        On S3 a page is a request and has up to PAGE objects; nothing is asked before a page is. `seconds` is how
        long a page is waited for, all its repeats together, where `retry_seconds` is too long. On a disk all is
        listed at once. Raises as `list` does.
        """
        store = self._store(seconds)
        with self._named(prefix, seconds):
            if self.url.startswith("file:"):
                every = sorted((found for page in store.list(prefix or None) for found in page), key=_path)
                rest = [found for found in every if found["path"] > after]
                yield from ([_object(f) for f in rest[at : at + PAGE]] for at in range(0, len(rest), PAGE))
                return
            for page in store.list(prefix or None, offset=after or None, chunk_size=PAGE):
                yield [_object(found) for found in page]

    def find(self, key: str) -> LandingObject:
        """Return what there is at `key` now; raises as `open`."""
        with self._named(key):
            return _object(self._store().head(key))

    @contextmanager
    def download(self, key: str, version: str = "") -> "Iterator[Download]":
        """Ask for one object, and no other version of it than `version`; one request.

        The bytes flow only as they are taken: what is found too large is left after its first ones.

        Raises:
            SupersededObjectError: there is another version.
            MissingObjectError: there is no such object (any more).
            LandingUnavailableError, LandingError.
        """
        options = {"if_match": f'"{version}"'} if version and not _is_made_up(version) else {}
        with self._named(key):
            answer = self._store().get(key, options=options)  # type: ignore[arg-type]
            found = _object(answer.meta)
            if version not in ("", found.version):
                raise superseded(self.address(key), version, found.version)
            yield Download(found, (bytes(chunk) for chunk in answer.stream(min_chunk_size=CHUNK)))

    def move_version(self, found: LandingObject, to: str) -> bool:
        """Move this very version to the key `to`, of any size; return whether it was still at its key.

        Copied first, then deleted, each on condition that it is this version: a newer one that arrives in
        between stays where it is, and False is returned (the copy is made all the same). After a crash in
        between, moving again completes it. The bytes do not go through this process; those of a large object are
        copied in several parts at once.

        Raises:
            SupersededObjectError: there is another version; nothing was copied.
            MissingObjectError: there is none.
            LandingUnavailableError, LandingError.
        """
        from slipway.resources.landing_moves import move_file, move_object  # noqa: PLC0415 - boto3

        if self.url.startswith("file:"):
            if self.find(found.key).version != found.version:
                raise superseded(self.address(found.key), found.version, "another")
            move_file(self.url, found.key, to)
            return True
        return move_object(self, found, to)

    def address(self, key: str) -> str:
        """Return the whole address of a key."""
        return f"{self.url.rstrip('/')}/{key}"

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

    def _store(self, seconds: float | None = None) -> "ObjectStore":
        from slipway.storage.store import open_store  # noqa: PLC0415

        if seconds is None:
            return open_store(self.url, retry_seconds=self.retry_seconds)
        # The last repeat may begin when the time for repeats is nearly over.
        half = seconds / 2
        return open_store(self.url, retry_seconds=min(self.retry_seconds, half), request_seconds=half)

    @contextmanager
    def _named(self, key: str, seconds: float | None = None) -> Iterator[None]:
        """Say bucket and key in whatever the store raises, after `seconds` if it was limited to these."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            raise self._explained(self.address(key), error, seconds or self.retry_seconds) from error

    def _explained(self, place: str, error: Exception, seconds: float) -> LandingError:
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
        if kind == "PreconditionError":
            return superseded(place, "the one that was asked for", "another")
        if kind == "GenericError":
            waited = f"after repeating for up to {seconds:g} s"
            return LandingUnavailableError(f"{place}: no good answer {waited}: {code} {said}", url=place)
        return LandingError(f"{place}: {code} {said}", url=place)


def _object(meta: "ObjectMeta") -> LandingObject:
    tag = (meta["e_tag"] or "").strip('"')
    return LandingObject(meta["path"], meta["size"], meta["last_modified"], tag)


def _path(meta: "ObjectMeta") -> str:
    return meta["path"]


def _is_made_up(version: str) -> bool:
    """Whether a version is of size and time, which no server can be asked for."""
    return _MADE_UP.fullmatch(version) is not None


def superseded(place: str, wanted: str, found: str) -> SupersededObjectError:
    """Return the error for a version that is not the one at its key any more."""
    return SupersededObjectError(
        f"{place}: version {wanted} has been overwritten by {found}; the newer one has a run of its own",
        url=place,
    )
