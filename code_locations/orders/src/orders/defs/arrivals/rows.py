"""What a row must be to be taken: the columns of the feed, their types, a day that there is.

Belongs here: pure functions on Arrow tables, which say the first fault they find. Does not belong here:
formats of files, merging.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.arrivals.faults import BadFileError, Reason
from orders.defs.order_system.columns import DELIVERED
from orders.schema import FIRST_DAY, arrow_schema

SCHEMA = arrow_schema(DELIVERED)
NAMES = SCHEMA.names

Lines = Callable[[int], int]
"""Returns the line in the file of a row of the table at hand."""

_SHOWN = 60
_REQUIRED = [column.name for column in DELIVERED if not column.nullable]


def check_names(names: Sequence[str]) -> None:
    """Fail unless every column of the feed is there, once. Others may be there too."""
    missing = [name for name in NAMES if name not in names]
    if missing:
        found = ", ".join(map(repr, names[:20])) or "none"
        raise BadFileError(
            Reason.SCHEMA,
            f"there is no column {', '.join(missing)}; the columns are {found[:500]}",
            column=missing[0],
            line=1,
        )
    twice = sorted({name for name in NAMES if list(names).count(name) > 1})
    if twice:
        raise BadFileError(Reason.SCHEMA, f"column {twice[0]} is there twice", column=twice[0], line=1)


def from_texts(texts: pa.Table, lines: Lines) -> pa.Table:
    """Return a table of texts with the types of the feed; a time needs a zone (`2026-01-02T10:00:00Z`).

    Raises:
        BadFileError: the first text of the first column that is none of its type.
    """
    columns = []
    for field in SCHEMA:
        column = texts.column(field.name)
        if column.type != field.type:
            column = _cast(column, field, lines)
        columns.append(column)
    return pa.table(columns, schema=SCHEMA)


def check_values(rows: pa.Table, lines: Lines, now: datetime) -> None:
    """Fail unless the columns that identify and order a row are filled, and its day is one that there is.

    Days are those from FIRST_DAY to the day of `now`, UTC.
    """
    for name in _REQUIRED:
        column = rows.column(name)
        if column.null_count:
            row = pc.index(pc.is_null(column), pa.scalar(value=True)).as_py()
            raise BadFileError(Reason.VALUE, f"{name} is empty", column=name, line=lines(row))
    first = datetime.combine(FIRST_DAY, time(), UTC)
    end = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    placed = rows.column("ordered_at")
    bounds = [pa.scalar(each, placed.type) for each in (first, end)]
    outside = pc.or_(pc.less(placed, bounds[0]), pc.greater_equal(placed, bounds[1]))
    row = pc.index(outside, pa.scalar(value=True)).as_py()
    if row >= 0:
        raise BadFileError(
            Reason.VALUE,
            f"ordered_at is {placed[row].as_py().isoformat()}: not between {FIRST_DAY} and today (UTC)",
            column="ordered_at",
            line=lines(row),
        )


def _cast(column: pa.ChunkedArray, field: "pa.Field[Any]", lines: Lines) -> pa.ChunkedArray:
    try:
        return pc.cast(column, field.type)
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist()):
            try:
                pc.cast(pa.array([value], column.type), field.type)
            except pa.ArrowInvalid:
                need = "a whole number" if pa.types.is_integer(field.type) else "a time with its zone"
                raise BadFileError(
                    Reason.VALUE,
                    f"{value[:_SHOWN]!r} is not {need} ({field.type})",
                    column=field.name,
                    line=lines(row),
                ) from None
        raise
