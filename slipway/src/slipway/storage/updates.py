"""Change one stored frame so that two who do it at once lose nothing of each other's.

Belongs here: compare and swap of one object. Does not belong here: what the change is, and writing
without looking at what was there (`outputs.py`).
"""

import fcntl
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from slipway.storage.errors import ContendedObjectError, MissingObjectError
from slipway.storage.faults import explained
from slipway.storage.keys import PARQUET, Place
from slipway.storage.metadata import Metadata, of_frame
from slipway.storage.parquet_read import ParquetObject
from slipway.storage.parquet_write import encode_parquet
from slipway.storage.session import Session

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Change = Callable[[pa.Table | None], pa.Table]

LONGEST_SECONDS = 120.0
"""How long a swap is tried: more than a hundred who change one partition at once need."""


def update_frame(session: Session, place: Place, change: Change, declared: Mapping[str, Any]) -> Metadata:
    """Store `change(what is stored, or None)` at `place` and return its metadata.

    On S3 the object is replaced only if it is still the one that was read (`If-Match`, or `If-None-Match`
    where there was none); else it is read again and `change` is called again. On a disk, where no such
    request exists, a lock file beside the object does the same for the processes of one machine. Two
    requests where nobody is in the way, one where `change` returns what is there.

    Everything is in memory: the frame as it was, as it is and encoded, so this is for partitions of a size
    that a step can hold.

    Raises:
        ContendedObjectError: others were quicker for LONGEST_SECONDS; a later attempt may succeed.
        ObjectError: see `faults.explained`; and whatever `change` raises.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    with _locked(place):
        for attempt in range(1_000_000):
            stored, e_tag = _read(session, place)
            changed = change(stored)
            written, content = encode_parquet(place, changed, session.write_options)
            same = stored is not None and changed.equals(stored)
            if same or _swap(session.store, place, content, e_tag):
                return of_frame(written, place, declared, preview=session.preview)
            if time.monotonic() > deadline:
                break
            time.sleep(random.uniform(0, min(2.0, 0.02 * 2 ** min(attempt, 7))))  # noqa: S311 - no secret
    raise ContendedObjectError(
        place,
        PARQUET,
        f"others replaced it again and again for {LONGEST_SECONDS:g} s",
        "Let fewer runs change it at once (a pool on the asset), then run the step again.",
    )


def _read(session: Session, place: Place) -> tuple[pa.Table | None, str | None]:
    try:
        found = ParquetObject(session.store, place)
    except MissingObjectError:
        return None, None
    return found.table(), found.e_tag


def _swap(store: "ObjectStore", place: Place, content: bytes, e_tag: str | None) -> bool:
    """Put `content` in the place of the version `e_tag`, or of nothing; False if something else is there."""
    import obstore  # noqa: PLC0415
    from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

    mode: Any = "create" if e_tag is None else {"e_tag": e_tag}
    if place.base_url.startswith("file:"):
        mode = "overwrite"
    with explained(place, PARQUET):
        try:
            obstore.put(store, place.path(PARQUET), content, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
    return True


@contextmanager
def _locked(place: Place) -> Iterator[None]:
    """On a disk: be the only one on this machine that changes the object."""
    if not place.base_url.startswith("file:"):
        yield
        return
    file = Path(unquote(urlsplit(place.base_url).path)) / place.path(".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
