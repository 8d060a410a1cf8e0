"""Put a stream of bytes into an object, whole or not at all.

Belongs here: sizes and the choice between one request and several. Does not belong here: what the
bytes mean.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from slipway.storage.faults import explained
from slipway.storage.keys import Place

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PART_BYTES = 8 * 1024 * 1024
"""Size of a part. S3 allows 10,000 of them: an object can have 78 GiB."""
PARTS_IN_FLIGHT = 3


def upload(store: "ObjectStore", place: Place, suffix: str, chunks: Iterable[bytes]) -> None:
    """Make `chunks`, joined, the object at `place`; readers see the old one until all has arrived.

    Up to PART_BYTES go in one PUT, more in a multipart upload of which at most PARTS_IN_FLIGHT parts
    are in memory. When `chunks` or a request fails, the upload is aborted, and the object stays as it
    was. A process that is killed can't abort: its parts, which no reader sees, stay until the bucket's
    rule for incomplete uploads (AbortIncompleteMultipartUpload) removes them. On a disk the bytes go to
    a temporary file beside the object, which is renamed.

    Raises:
        ObjectError: see `faults.explained`; and whatever `chunks` raises.
    """
    import obstore  # noqa: PLC0415

    source = _Source(iter(chunks))
    head = _up_to_a_part(source)
    path = place.path(suffix)
    try:
        with explained(place, suffix):
            if sum(map(len, head)) <= PART_BYTES:
                obstore.put(store, path, b"".join(head), use_multipart=False)
                return
            obstore.put(
                store,
                path,
                chain(head, source),
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_IN_FLIGHT,
            )
    except Exception:
        if source.failure is not None:
            raise source.failure from None
        raise


class _Source(Iterator[bytes]):
    """An iterator that remembers what it failed with.

    A FileNotFoundError of an asset's own generator comes back through the store's upload, and must
    not be taken for the store's.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.failure: Exception | None = None

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except Exception as error:
            self.failure = error
            raise


def _up_to_a_part(stream: Iterator[bytes]) -> list[bytes]:
    """Take chunks until they are more than a part, or all there is."""
    head: list[bytes] = []
    size = 0
    for chunk in stream:
        head.append(chunk)
        size += len(chunk)
        if size > PART_BYTES:
            break
    return head
