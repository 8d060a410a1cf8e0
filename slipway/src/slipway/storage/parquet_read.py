"""Read one Parquet object, or some of its columns, in whole or row group by row group.

Belongs here: the footer, which bytes hold which column, the check of whose object it is. Does not
belong here: several partitions, annotations, pandas.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from slipway.storage.byte_ranges import ObjectVersion, Range, RangeFile, Segments
from slipway.storage.errors import ForeignObjectError, MissingColumnError, NotParquetError
from slipway.storage.faults import rewrite
from slipway.storage.keys import PARQUET, Place
from slipway.storage.parquet_write import ASSET_KEY, PARTITION_KEY

if TYPE_CHECKING:
    from obstore.store import ObjectStore

WHOLE_TAIL_BYTES = 1024 * 1024
"""What the first request fetches when all columns are wanted: most daily partitions come whole."""
FOOTER_TAIL_BYTES = 64 * 1024
"""What it fetches otherwise: the footer of some hundred columns and row groups."""

READ_AHEAD_BYTES = 16 * 1024 * 1024
"""How many encoded bytes are fetched at a time: several row groups' of one column, one or two of all."""

# https://parquet.apache.org/docs/file-format/: ... footer, its length in 4 bytes, "PAR1".
_MAGIC = b"PAR1"
_TRAILER_BYTES = 8


class ParquetObject:
    """One version of the Parquet object at a place: its schema now, its rows on demand.

    `schema` is that of the stored frame, without the marks that the writer added.
    """

    def __init__(self, store: "ObjectStore", place: Place, *, tail_bytes: int = WHOLE_TAIL_BYTES) -> None:
        """Fetch and check the footer.

        Raises:
            NotParquetError: the object is something else, or cut short.
            ForeignObjectError: another asset or partition wrote it.
            ObjectError: see `faults.explained`.
        """
        self.place = place
        self._version = ObjectVersion(store, place, PARQUET, tail_bytes)
        self._footer = self._parsed_footer()
        stored = self._footer.schema.to_arrow_schema()
        self._check_owner(stored.metadata or {})
        self.schema = _without_marks(stored)

    @property
    def e_tag(self) -> str | None:
        """The version that is read, as a conditional request names it; a disk has such tags too."""
        return self._version.e_tag

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield one table per row group, with `columns` only (in that order), or all.

        While they are in the caller's hands the bytes of the next are fetched. In memory are one row group
        decoded, and encoded twice READ_AHEAD_BYTES, or two row groups if those are larger.

        Raises:
            MissingColumnError: at once, naming the columns there are; ObjectChangedError, ObjectError.
        """
        schema = self.narrowed_schema(columns)
        return self._row_groups(schema, None if columns is None else list(columns))

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all rows as one table, a chunk per row group. Raises as `tables` does."""
        schema = self.narrowed_schema(columns)
        return pa.concat_tables([schema.empty_table(), *self.tables(columns)])

    def narrowed_schema(self, columns: Sequence[str] | None) -> pa.Schema:
        """Return the schema of `columns`.

        Raises:
            MissingColumnError: naming the columns there are.
        """
        if columns is None:
            return self.schema
        unknown = [name for name in columns if name not in self.schema.names]
        if unknown:
            raise MissingColumnError(
                self.place,
                PARQUET,
                f"there is no column {', '.join(map(repr, unknown))}",
                f"The columns are {', '.join(self.schema.names)}.",
            )
        narrowed = pa.schema([self.schema.field(name) for name in columns])
        return narrowed.with_metadata(self.schema.metadata or {})

    def _row_groups(self, schema: pa.Schema, columns: list[str] | None) -> Iterator[pa.Table]:
        import pyarrow.parquet as pq  # noqa: PLC0415

        file = RangeFile(self._version.size, Segments([]))
        # Without pre_buffer each column chunk is read by itself, and so lies in one of the segments.
        reader = pq.ParquetFile(
            pa.PythonFile(file, mode="r"),
            metadata=self._footer,
            pre_buffer=False,
            page_checksum_verification=True,
        )
        for groups, segments in self._fetched(columns):
            file.segments = segments
            for index in groups:
                table = self._decoded(reader, index, columns)
                yield table.select(schema.names).replace_schema_metadata(schema.metadata)
            file.segments = Segments([])

    def _fetched(self, columns: list[str] | None) -> Iterator[tuple[list[int], Segments]]:
        """Yield row groups, as many as READ_AHEAD_BYTES hold, with their bytes; the next are on their way."""
        batches: list[tuple[list[int], list[Range]]] = []
        size = 0
        for index in range(self._footer.num_row_groups):
            ranges = self._ranges(index, columns)
            length = sum(end - start for start, end in ranges)
            if not batches or size + length > READ_AHEAD_BYTES:
                batches.append(([], []))
                size = 0
            batches[-1][0].append(index)
            batches[-1][1].extend(ranges)
            size += length
        if len(batches) <= 1:
            for groups, ranges in batches:
                yield groups, self._version.fetch(ranges)
            return
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._version.fetch, batches[0][1])
            for number, (groups, _) in enumerate(batches):
                segments = coming.result()
                if number + 1 < len(batches):
                    coming = ahead.submit(self._version.fetch, batches[number + 1][1])
                yield groups, segments
                del segments

    def _decoded(self, reader: Any, index: int, columns: list[str] | None) -> pa.Table:
        try:
            table: pa.Table = reader.read_row_group(index, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise self._not_parquet(f"row group {index} can't be decoded: {error}") from error
        return table

    def _ranges(self, index: int, columns: list[str] | None) -> list[Range]:
        group = self._footer.row_group(index)
        wanted = None if columns is None else set(columns)
        spans = []
        for leaf, top in enumerate(_top_level_names(self.schema)):
            if wanted is None or top in wanted:
                chunk = group.column(leaf)
                start = chunk.data_page_offset
                if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                    start = min(start, chunk.dictionary_page_offset)
                spans.append((start, start + chunk.total_compressed_size))
        return sorted(spans)

    def _parsed_footer(self) -> Any:
        import pyarrow.parquet as pq  # noqa: PLC0415

        version = self._version
        trailer = bytes(version.tail[-_TRAILER_BYTES:])
        if len(trailer) < _TRAILER_BYTES or trailer[-4:] != _MAGIC:
            raise self._not_parquet("it does not end as a Parquet file does")
        length = int.from_bytes(trailer[:4], "little") + _TRAILER_BYTES
        if length > version.size:
            raise self._not_parquet("its footer is longer than itself")
        start = version.size - length
        footer = version.tail[-length:]
        if length > len(version.tail):
            head_end = version.size - len(version.tail)
            footer = memoryview(
                bytes(version.fetch([(start, head_end)]).read(start, head_end)) + bytes(footer)
            )
        try:
            return pq.read_metadata(pa.BufferReader(footer))
        except (pa.ArrowException, OSError) as error:
            raise self._not_parquet(f"its footer can't be read: {error}") from error

    def _check_owner(self, marks: dict[bytes, bytes]) -> None:
        asset = marks.get(ASSET_KEY, b"").decode()
        partition = marks[PARTITION_KEY].decode() if PARTITION_KEY in marks else None
        if not asset or (asset, partition) == (self.place.asset, self.place.partition):
            return  # Objects without marks are other tools': they may be put in an asset's place.
        owner = f"asset {asset}" + (f", partition {partition}" if partition is not None else "")
        raise ForeignObjectError(
            self.place,
            PARQUET,
            f"the object was written by {owner}, whose key is the same",
            "Rename one of the two assets: they overwrite each other.",
        )

    def _not_parquet(self, problem: str) -> NotParquetError:
        return NotParquetError(
            self.place, PARQUET, f"the object is not a whole Parquet file: {problem}", rewrite(self.place)
        )


def _without_marks(schema: pa.Schema) -> pa.Schema:
    marks = (ASSET_KEY, PARTITION_KEY)
    kept = {key: value for key, value in (schema.metadata or {}).items() if key not in marks}
    return schema.with_metadata(kept) if kept else schema.remove_metadata()


def _top_level_names(schema: pa.Schema) -> Iterator[str]:
    """Yield, for each Parquet leaf column, the name of the column it is part of."""
    for field in schema:
        for _ in range(_leaves(field.type)):
            yield field.name


def _leaves(kind: pa.DataType) -> int:
    """Count the Parquet columns that a value of this type is spread over."""
    if isinstance(kind, pa.ExtensionType):
        return _leaves(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _leaves(kind.value_type)
    return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields)) or 1
