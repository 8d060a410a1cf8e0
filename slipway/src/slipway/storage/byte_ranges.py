"""One version of an object as a file of which only the needed ranges are fetched.

Belongs here: range requests and the promise that all of them see the same version. Does not belong
here: what the bytes mean (`parquet_read.py`).
"""

import io
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from slipway.storage.faults import explained
from slipway.storage.keys import Place

if TYPE_CHECKING:
    from obstore.store import ObjectStore

REQUEST_BYTES = 8 * 1024 * 1024
"""About how much one request asks for, and how large a gap is read over rather than asked around."""
GAP_BYTES = 256 * 1024
REQUESTS_IN_FLIGHT = 8

Range = tuple[int, int]
"""Start and end, the end exclusive."""


class ObjectVersion:
    """The object at a place as it was when its tail was fetched.

    Every later request carries the version's ETag (`If-Match`), so a reader gets bytes of this version
    or an `ObjectChangedError`, never a mixture. A rewrite with the same bytes has the same ETag on S3.
    """

    def __init__(self, store: "ObjectStore", place: Place, suffix: str, tail_bytes: int) -> None:
        """Fetch the last `tail_bytes` bytes, or all there are.

        Raises:
            ObjectError: see `faults.explained`.
        """
        import obstore  # noqa: PLC0415

        self._store, self._place, self._suffix = store, place, suffix
        with explained(place, suffix):
            answer = obstore.get(store, place.path(suffix), options={"range": {"suffix": tail_bytes}})
            self.tail = memoryview(answer.bytes())
        self.size: int = answer.meta["size"]
        self.e_tag: str | None = answer.meta["e_tag"]

    def fetch(self, ranges: Sequence[Range]) -> "Segments":
        """Return the bytes of `ranges`, which are sorted and do not overlap.

        Neighbours are fetched together up to about REQUEST_BYTES, REQUESTS_IN_FLIGHT at once.

        Raises:
            ObjectChangedError: the object was replaced since; ObjectError: see `faults.explained`.
        """
        wanted = [span for span in _joined(ranges) if span[0] < self._tail_start]
        if len(wanted) > 1:
            with ThreadPoolExecutor(min(REQUESTS_IN_FLIGHT, len(wanted))) as pool:
                found = list(pool.map(self._get, wanted))
        else:
            found = [self._get(span) for span in wanted]
        return Segments(
            [*zip((start for start, _ in wanted), found, strict=True), (self._tail_start, self.tail)]
        )

    @property
    def _tail_start(self) -> int:
        return self.size - len(self.tail)

    def _get(self, span: Range) -> memoryview:
        import obstore  # noqa: PLC0415

        with explained(self._place, self._suffix):
            options: Any = {"range": span, "if_match": self.e_tag}
            return memoryview(
                obstore.get(self._store, self._place.path(self._suffix), options=options).bytes()
            )


class Segments:
    """Fetched bytes by position, sorted; the last segment is the tail."""

    def __init__(self, segments: Sequence[tuple[int, memoryview]]) -> None:
        self._starts = [start for start, _ in segments]
        self._bytes = [data for _, data in segments]

    def read(self, start: int, end: int) -> memoryview:
        """Return bytes `start` to `end` without a copy; they lie in one segment, as they were asked for."""
        index = bisect_right(self._starts, start) - 1
        offset = start - self._starts[index]
        found = self._bytes[index][offset : offset + end - start]
        if len(found) != end - start:
            raise ValueError(f"bytes {start} to {end} were read without having been fetched")
        return found


class RangeFile(io.RawIOBase):
    """A file of `size` bytes, seekable, of which only `segments` can be read."""

    def __init__(self, size: int, segments: Segments) -> None:
        self.segments = segments
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought in."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position and return it."""
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def read(self, size: int = -1) -> Any:
        """Return the next `size` bytes, without a copy."""
        end = self._size if size < 0 else min(self._position + size, self._size)
        found = self.segments.read(self._position, end)
        self._position = end
        return found


def _joined(ranges: Sequence[Range]) -> list[Range]:
    """Join neighbours, over gaps of up to GAP_BYTES, until a request is large enough."""
    joined: list[Range] = []
    for start, end in ranges:
        if joined and start - joined[-1][1] <= GAP_BYTES and end - joined[-1][0] <= REQUEST_BYTES:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
