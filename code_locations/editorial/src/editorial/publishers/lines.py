"""Text files read line by line, and rows put together into batches: memory is bounded by both."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

LONGEST = 4 * 1024**2
"""Bytes of a line. The longest of the real files have some 100 KB; a file without line ends must not fill memory."""

BATCH = 5_000
"""Rows: a few megabytes."""


class BadLineError(ValueError):
    """A line is not what its format says; the message says why."""


def lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines with their numbers, from 1, without their ends; None for one that is too long."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST):
            number += 1
            too_long = False
            while not line.endswith(b"\n") and len(line) == LONGEST:
                too_long = True
                line = file.readline(LONGEST)
            yield number, None if too_long else line.rstrip(b"\r\n")


def text_of(line: bytes | None) -> str:
    """Return the line as text.

    Raises:
        BadLineError: it is too long, no UTF-8, or has NUL, which Postgres does not store.
    """
    if line is None:
        raise BadLineError(f"longer than {LONGEST} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BadLineError("not UTF-8") from None
    if "\x00" in text:
        raise BadLineError("has a NUL character")
    return text


def batches(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Put rows together into batches of BATCH."""
    waiting: list[Mapping[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == BATCH:
            yield pa.RecordBatch.from_pylist(waiting, schema)
            waiting = []
    if waiting:
        yield pa.RecordBatch.from_pylist(waiting, schema)
