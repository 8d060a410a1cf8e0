"""Drop files into the landing zone, good ones and bad ones, to see what becomes of them.

Belongs here: what the files are. Does not belong here: rows (`history.py`), reading files
(`orders.defs.arrivals`).
"""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from orders.demo.history import History

ROWS = 300
"""Rows of all good files together: the newest of a history."""
_ORDERS = 20_000
# No order of the demo database has such ids.
_BEYOND = 1_000_000_000


@dataclass(frozen=True)
class File:
    """A file to drop: its name, its content, and what is to be expected of it."""

    name: str
    content: bytes
    expected: str


def files(seed: int, until: date) -> Iterator[File]:
    """Yield the files; the same arguments give the same bytes, which are then the same versions."""
    rows = _rows(seed, until)
    third = ROWS // 3
    parts = [rows.slice(number * third, third) for number in range(3)]
    yield File("shop-1.csv", _csv(parts[0]), f"{third} rows")
    yield File("shop-2.jsonl.gz", gzip.compress(_json_lines(parts[1]), mtime=0), f"{third} rows")
    yield File("shop-3.parquet", _parquet(parts[2]), f"{third} rows")
    yield File("bad/empty.csv", b"", "quarantined: empty")
    yield File("bad/cut-off.csv", _csv(parts[0])[:-20], "quarantined: truncated")
    yield File("bad/columns.csv", _csv(parts[0].rename_columns(_renamed)), "quarantined: wrong schema")
    latin = _csv(parts[0]).replace(b"EUR", "€".encode("iso-8859-15"))
    yield File("bad/latin-9.csv", latin, "quarantined: wrong encoding")


def drop(write: Callable[[str, bytes], None], prefix: str, seed: int, until: date) -> Iterator[str]:
    """Write the files below `prefix` and yield a line about each."""
    for file in files(seed, until):
        key = f"{prefix}/demo/{file.name}"
        write(key, file.content)
        yield f"{key}  {len(file.content):,} bytes, to be {file.expected}"


_renamed = {"amount": "total"}


def _rows(seed: int, until: date) -> pa.Table:
    feed = pa.concat_tables([piece.orders for piece in History(_ORDERS, seed, until).pieces()])
    newest = feed.slice(feed.num_rows - ROWS)
    for column in ("row_id", "order_id"):
        index = newest.schema.get_field_index(column)
        newest = newest.set_column(index, column, pc.add(newest.column(column), _BEYOND * (seed + 1)))
    return newest


def _csv(rows: pa.Table) -> bytes:
    target = io.BytesIO()
    pyarrow.csv.write_csv(rows, target)
    return target.getvalue()


def _json_lines(rows: pa.Table) -> bytes:
    return "".join(
        json.dumps(row, default=lambda time: time.isoformat()) + "\n" for row in rows.to_pylist()
    ).encode()


def _parquet(rows: pa.Table) -> bytes:
    target = io.BytesIO()
    pq.write_table(rows, target)
    return target.getvalue()
