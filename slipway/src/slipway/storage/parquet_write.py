"""Write tables as one Parquet object, in bounded memory and with the same bytes for the same rows.

Belongs here: the writer's fixed options and the cutting into row groups. Does not belong here: what
a frame is (`frames.py`), requests (`uploads.py`).
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from slipway.storage.keys import PARQUET, Place
from slipway.storage.uploads import upload

if TYPE_CHECKING:
    from obstore.store import ObjectStore

ASSET_KEY = b"slipway.asset"
PARTITION_KEY = b"slipway.partition"
"""Parquet key-value metadata by which a reader notices an object of another asset."""

PREVIEW_ROWS = 5
DICTIONARY_BYTES = 256 * 1024
"""Size at which a column's dictionary is given up: early, as it was for nothing. Measured in `bench/io.py`."""


@dataclass(frozen=True)
class WriteOptions:
    """How rows become bytes. Two writes with the same options and rows give the same bytes.

    A row group ends at `row_group_rows` rows or, whichever is first, at the batch that brings it to
    `row_group_bytes` in memory. `compression_level` is that of zstd.
    """

    row_group_rows: int
    row_group_bytes: int
    compression_level: int


@dataclass(frozen=True)
class Written:
    """What was written: rows, bytes of the object, its schema and its first PREVIEW_ROWS rows."""

    rows: int
    size: int
    schema: pa.Schema
    head: pa.Table


class _Sink(io.RawIOBase):
    """A file that keeps what was written until it is drained."""

    def __init__(self) -> None:
        self.size = 0
        self._pending: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._pending.append(chunk)
        self.size += len(chunk)
        return len(chunk)

    def drain(self) -> Iterator[bytes]:
        pending, self._pending = self._pending, []
        if pending:
            yield b"".join(pending)


class _Rows:
    """Counts rows and keeps the first ones, on the way through."""

    def __init__(self, schema: pa.Schema) -> None:
        self.count = 0
        self.head = schema.empty_table()

    def see(self, table: pa.Table) -> None:
        if self.count < PREVIEW_ROWS:
            self.head = pa.concat_tables([self.head, table.slice(0, PREVIEW_ROWS - self.count)])
        self.count += table.num_rows


def write_parquet(
    store: "ObjectStore", place: Place, schema: pa.Schema, tables: Iterable[pa.Table], options: WriteOptions
) -> Written:
    """Write `tables`, all of `schema`, as the object at `place`.

    Holds at most one row group, its encoded form and the parts under way (see `uploads.upload`).

    Raises:
        ObjectError: the store failed; and whatever `tables` raises. In both cases the object is as
            it was before.
    """
    rows, sink = _Rows(schema), _Sink()
    marked = schema.with_metadata({**(schema.metadata or {}), **_marks(place)})
    upload(store, place, PARQUET, _encoded(marked, tables, options, rows, sink))
    return Written(rows.count, sink.size, schema, rows.head.combine_chunks())


def encode_parquet(place: Place, table: pa.Table, options: WriteOptions) -> tuple[Written, bytes]:
    """Return `table` as the bytes that `write_parquet` would write at `place`, all in memory."""
    rows, sink = _Rows(table.schema), _Sink()
    marked = table.schema.with_metadata({**(table.schema.metadata or {}), **_marks(place)})
    content = b"".join(_encoded(marked, [table], options, rows, sink))
    return Written(rows.count, sink.size, table.schema, rows.head.combine_chunks()), content


def _marks(place: Place) -> dict[bytes, bytes]:
    marks = {ASSET_KEY: place.asset.encode()}
    if place.partition is not None:
        marks[PARTITION_KEY] = place.partition.encode()
    return marks


def _encoded(
    schema: pa.Schema, tables: Iterable[pa.Table], options: WriteOptions, rows: _Rows, sink: _Sink
) -> Iterator[bytes]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - 0.1 CPU-s that a code server need not pay

    # Everything that has a bearing on the bytes is said here, not left to a default that may change.
    with pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        schema,
        version="2.6",
        compression="zstd",
        compression_level=options.compression_level,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
        **_encodings(schema),
        write_statistics=True,
        data_page_version="1.0",
        write_page_checksum=True,
        store_schema=True,
    ) as writer:
        for group in _row_groups(tables, options):
            rows.see(group)
            writer.write_table(group.replace_schema_metadata(schema.metadata), row_group_size=group.num_rows)
            yield from sink.drain()
    yield from sink.drain()


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return the writer's choice of encodings: timestamps as differences, all else by dictionary.

    Timestamps are mostly distinct and close to each other: differences are half the bytes, in less time,
    of a dictionary that is given up half way (`bench/io.py`). The writer wants the others named, by their
    paths as Parquet columns, which only it knows: so it is asked by writing no rows.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    instants = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    if not instants:
        return {"use_dictionary": True}
    probe = io.BytesIO()
    pq.write_table(schema.empty_table(), probe)
    columns = pq.read_metadata(probe).schema
    paths = [columns.column(index).path for index in range(len(columns))]
    return {
        "use_dictionary": [path for path in paths if path not in instants],
        "column_encoding": dict.fromkeys(sorted(instants), "DELTA_BINARY_PACKED"),
    }


def _row_groups(tables: Iterable[pa.Table], options: WriteOptions) -> Iterator[pa.Table]:
    """Cut and join `tables` into row groups; tables without rows are left out."""
    waiting: list[pa.Table] = []
    count = size = 0
    for table in tables:
        rest = table
        while rest.num_rows:
            piece = rest.slice(0, options.row_group_rows - count)
            rest = rest.slice(piece.num_rows)
            waiting.append(piece)
            count += piece.num_rows
            size += piece.nbytes
            if count >= options.row_group_rows or size >= options.row_group_bytes:
                yield pa.concat_tables(waiting)
                waiting, count, size = [], 0, 0
    if waiting:
        yield pa.concat_tables(waiting)
