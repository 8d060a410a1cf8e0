"""From a file's bytes to its rows: CSV, JSON lines and Parquet, plain or gzipped, told apart by the name.

Belongs here: the formats. A file is read whole or not at all: the first fault ends it. In memory are a piece
of the file and the rows read so far; the file itself lies on disk above SPOOL_BYTES. Does not belong here:
what columns and values must be (`rows.py`).
"""

import csv
import gzip
import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Any

import pyarrow as pa

from orders.defs.arrivals.faults import BadFileError, Reason
from orders.defs.arrivals.rows import NAMES, SCHEMA, check_names, check_values, from_texts

SPOOL_BYTES = 16 * 1024**2
PIECE = 1024**2
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")

_JSON_LINES = 8192
_TEXTS = dict.fromkeys(NAMES, pa.string())


def spooled() -> IO[bytes]:
    """Return a new file that lies in memory while it is small."""
    return tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # type: ignore[return-value]


def format_of(key: str) -> tuple[str, bool]:
    """Return which of SUFFIXES the file is, in any case of letters, and whether it is gzipped.

    Raises:
        BadFileError: neither.
    """
    name = key.lower()
    for suffix in SUFFIXES:
        if name.removesuffix(".gz").endswith(suffix):
            return suffix, name.endswith(".gz")
    known = ", ".join(SUFFIXES)
    raise BadFileError(Reason.UNKNOWN_FORMAT, f"the name ends in none of {known} (each also with .gz)")


def read_rows(file: IO[bytes], key: str, max_bytes: int, now: datetime) -> pa.Table:
    """Return the rows of a seekable file with the columns of `schema.ORDERS`, in the file's order.

    `key` is the file's name. CSV has a header, commas and UTF-8; an empty field is null, `""` an empty text;
    the last line ends as the others do, as nothing else tells a whole file from one that was cut off. JSON
    lines: an object per line; numbers are taken for texts as they are written. Parquet: whole numbers of any
    width, times with a zone, texts or decimals. Columns beyond those of the feed are left out.

    Raises:
        BadFileError: whatever is wrong, with the first bad line (Parquet: row) where there is one.
    """
    suffix, packed = format_of(key)
    if packed:
        file = _unpacked(file, max_bytes)
    if not file.read(1):
        raise BadFileError(Reason.EMPTY, "there is nothing in it")
    file.seek(0)
    if suffix == ".parquet":
        pieces = _parquet(file, now)
    else:
        _check_text(file, must_end=suffix == ".csv" and not packed)
        pieces = _csv(file, now) if suffix == ".csv" else _json_lines(file, now)
    try:
        return pa.concat_tables([SCHEMA.empty_table(), *pieces])
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):  # this machine's fault, not the file's
            raise
        reason = Reason.TRUNCATED if suffix == ".parquet" else Reason.SCHEMA
        raise BadFileError(reason, f"it can't be read as {suffix}: {error}") from error


def _unpacked(file: IO[bytes], max_bytes: int) -> IO[bytes]:
    target, size = spooled(), 0
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            while piece := packed.read(PIECE):
                size += len(piece)
                if size > max_bytes:
                    raise BadFileError(Reason.TOO_LARGE, f"unpacked it has more than {max_bytes:,} bytes")
                target.write(piece)
    except EOFError:
        raise BadFileError(Reason.TRUNCATED, "the gzip stream ends before its end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadFileError(Reason.TRUNCATED, f"it is no whole gzip file: {error}") from error
    target.seek(0)
    return target


def _check_text(file: IO[bytes], *, must_end: bool) -> None:
    """Fail unless the file is UTF-8 without NUL; with `must_end`, unless its last line ends."""
    last = b""
    for number, line in enumerate(file, start=1):
        last = line
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise BadFileError(
                Reason.ENCODING, f"not UTF-8: {error.reason}, byte 0x{line[error.start]:02x}", line=number
            ) from None
        if b"\0" in line:
            raise BadFileError(Reason.ENCODING, "not UTF-8: it has NUL bytes, as UTF-16 has", line=number)
    if must_end and not last.endswith((b"\n", b"\r")):
        raise BadFileError(Reason.TRUNCATED, "the last line does not end: the file was cut off", line=number)
    file.seek(0)


def _csv(file: IO[bytes], now: datetime) -> Iterator[pa.Table]:
    import pyarrow.csv as pc  # noqa: PLC0415 - only runs that read files need it

    check_names(next(csv.reader([file.readline().decode("utf-8-sig")]), []))
    file.seek(0)
    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "error"

    options = (
        pc.ReadOptions(use_threads=False, block_size=PIECE),
        pc.ParseOptions(invalid_row_handler=note, newlines_in_values=True),
        pc.ConvertOptions(
            include_columns=NAMES,
            column_types=_TEXTS,
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=False,
        ),
    )
    line = 2
    try:
        for batch in pc.open_csv(pa.PythonFile(file, mode="r"), *options):
            yield _checked(pa.Table.from_batches([batch]), range(line, line + batch.num_rows), now)
            line += batch.num_rows
    except pa.ArrowInvalid as error:
        if not wrong:
            raise
        row = wrong[0]
        raise BadFileError(
            Reason.SCHEMA,
            f"the line has {row.actual_columns} fields, the header {row.expected_columns}",
            line=row.number,
        ) from error


def _json_lines(file: IO[bytes], now: datetime) -> Iterator[pa.Table]:
    records: list[dict[str, str | None]] = []
    lines: list[int] = []
    for number, line in enumerate(file, start=1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text:
            continue
        records.append(_record(text, number, ended=line.endswith(b"\n")))
        lines.append(number)
        if len(records) == _JSON_LINES:
            yield _checked(_table(records), lines, now)
            records, lines = [], []
    if records:
        yield _checked(_table(records), lines, now)


def _record(text: str, number: int, *, ended: bool) -> dict[str, str | None]:
    try:
        # Numbers stay as they are written: 12.50 is no 12.5 in a column of texts.
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        reason = Reason.SCHEMA if ended else Reason.TRUNCATED
        raise BadFileError(reason, f"not an object of JSON: {error}", line=number) from None
    if not isinstance(found, dict):
        raise BadFileError(Reason.SCHEMA, "not an object of JSON", line=number)
    for name in NAMES:
        if name not in found:
            raise BadFileError(Reason.SCHEMA, f"there is no {name}", column=name, line=number)
        if not isinstance(found[name], str | None):
            kind = type(found[name]).__name__
            raise BadFileError(
                Reason.SCHEMA, f"{name} is a {kind}, not a text or number", column=name, line=number
            )
    return {name: found[name] for name in NAMES}


def _table(records: list[dict[str, str | None]]) -> pa.Table:
    return pa.Table.from_pylist(records, schema=pa.schema(_TEXTS))


def _parquet(file: IO[bytes], now: datetime) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq  # noqa: PLC0415

    reader = pq.ParquetFile(pa.PythonFile(file, mode="r"))
    check_names(reader.schema_arrow.names)
    for field in SCHEMA:
        found = reader.schema_arrow.field(field.name).type
        if not _fits(found, field.type):
            raise BadFileError(
                Reason.SCHEMA, f"{field.name} is {found} and has to be {field.type}", column=field.name
            )
    row = 1
    for batch in reader.iter_batches(columns=NAMES):
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            raise BadFileError(Reason.ENCODING, f"from row {row}: {error}", line=row) from error
        rows = pa.Table.from_batches([batch]).select(NAMES)
        yield _checked(rows.cast(SCHEMA), range(row, row + batch.num_rows), now)
        row += batch.num_rows


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if isinstance(found, pa.DictionaryType):
        found = found.value_type
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(found))
    if pa.types.is_timestamp(wanted):
        return isinstance(found, pa.TimestampType) and found.tz is not None
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_decimal(found))


def _checked(rows: pa.Table, lines: Iterable[int], now: datetime) -> pa.Table:
    numbers = list(lines) if not isinstance(lines, range) else lines
    line = numbers.__getitem__
    typed = from_texts(rows, line)
    check_values(typed, line, now)
    return typed
