"""Bring rows into a temporary table that has the types of the table they are meant for.

Belongs here: accepted kinds of rows, matching of columns, conversion. Does not belong here: what then
happens to the target table (`replacing`, `merging`).

Rows are staged first and moved inside the server after, so that the target is locked for the move and
not for as long as the rows take to be computed, and is never touched by rows that turn out wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from slipway.resources.postgres.arrow_types import numeric_type, plain
from slipway.resources.postgres.catalog import close_to, quoted
from slipway.resources.postgres.errors import MissingRelationError, RefusedDataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from slipway.resources.postgres.catalog import Column, Relation
    from slipway.resources.postgres.connection import Session

    Array = pa.Array[Any]
    Field = pa.Field[Any]
    Rows = pd.DataFrame | pa.Table | pa.RecordBatch | pa.RecordBatchReader

STAGE = "slipway_stage"

# Namespace of the advisory locks: "SLIP" in ASCII. The second key is the table's oid, so that
# pg_locks shows which table is waited for.
_LOCK_SPACE = 0x534C4950

_TEXT = ("text", "varchar", "bpchar", "name", "citext", "json")


@dataclass(frozen=True)
class Stage:
    """The filled temporary table `STAGE`; `moved` has the expression that makes each column the target's."""

    rows: int
    moved: dict[str, str]

    @property
    def columns(self) -> str:
        """The columns, quoted and comma-separated, in the order of `values`."""
        return ", ".join(quoted(name) for name in self.moved)

    @property
    def values(self) -> str:
        """The expressions over `STAGE` that fill `columns`."""
        return ", ".join(self.moved.values())


def stage_rows(session: "Session", target: "Relation", rows: "Rows") -> Stage:
    """Create `STAGE`, which lives as long as the transaction, and COPY `rows` into it, streamed.

    Columns are matched by name, in any order; those of `target` that `rows` has not get their default.
    Text given for a column that is none is converted by Postgres (`CAST`); every other value must fit the
    column exactly, except that floats are rounded to a numeric's scale.

    Raises:
        MissingRelationError: `rows` has a column that `target` has not.
        RefusedDataError: a value does not fit; the message names the column.
        Whatever iterating over `rows` raises, unchanged.
    """
    source = _Source(as_reader(rows), target)
    definition = ", ".join(f"{quoted(field.name)} {kind}" for field, kind in source.fields)
    session.execute(f"CREATE TEMPORARY TABLE {STAGE} ({definition}) ON COMMIT DROP")
    # A COPY lasts as long as its rows take to be computed: that is not the server's time.
    session.limit_statements(0)
    try:
        count = session.ingest(STAGE, source.reader())
    except Exception as error:
        if source.failure is not None:
            # The driver passes an exception of the stream on as text only.
            raise source.failure from error
        raise
    session.limit_statements(session.server.statement_timeout_seconds)
    session.execute(f"ANALYZE {STAGE}")
    return Stage(count, source.moved)


def lock_table(session: "Session", target: "Relation") -> None:
    """Wait until no other `replace_partition` or `merge` writes to `target`; held until the commit.

    One lock for the table and not for each partition: a backfill of a range and the daily run of a day
    within it overlap without being equal. Only the move inside the server is serialised by it.
    """
    # Through bit(32): an oid above 2^31 has no integer of its own, only its bits.
    session.execute(
        "SELECT pg_advisory_xact_lock(CAST($1 AS integer), CAST(CAST(CAST($2 AS bigint) AS bit(32)) AS integer))",
        (_LOCK_SPACE, target.oid),
    )


def as_reader(rows: Any) -> "pa.RecordBatchReader":
    """Return `rows` as a stream: a pandas frame, anything of pyarrow or anything that exports Arrow streams.

    Unnamed indexes of a pandas frame are dropped, named ones are columns.

    Raises:
        RefusedDataError: `rows` is something else.
    """
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(rows, pa.RecordBatchReader):
        return rows
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows]).to_reader()
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):
        table = pa.Table.from_pandas(rows)
        return table.drop_columns(
            [n for n in table.column_names if n.startswith("__index_level_")]
        ).to_reader()
    if hasattr(rows, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(rows)
    raise RefusedDataError(
        f"{type(rows).__name__} can't be written to Postgres: give a pandas DataFrame, a pyarrow Table or a "
        "pyarrow RecordBatchReader"
    )


class _Source:
    """The rows on their way into the stage, and how each column gets from there to the target."""

    def __init__(self, reader: "pa.RecordBatchReader", target: "Relation") -> None:
        import pyarrow as pa  # noqa: PLC0415

        self._reader = reader
        self.failure: BaseException | None = None
        names = reader.schema.names
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled or not names:
            fault = f"several columns named {', '.join(doubled)}" if doubled else "no columns"
            raise RefusedDataError(f"the rows for {target.name} have {fault}")
        unknown = [f"{name}{close_to(name, target.columns)}" for name in names if name not in target.columns]
        if unknown:
            raise MissingRelationError(f"table {target.name} has no column {'; no column '.join(unknown)}")
        self.fields: list[tuple[Field, str]] = []
        self.moved: dict[str, str] = {}
        for field in reader.schema:
            column = target.columns[field.name]
            staged, kind = staged_type(field, column)
            self.fields.append((pa.field(field.name, staged), kind))
            expression = quoted(field.name)
            if kind == "text" and column.typname not in _TEXT:
                expression = f"CAST({expression} AS {column.declared_type})"
            self.moved[field.name] = expression

    def reader(self) -> "pa.RecordBatchReader":
        import pyarrow as pa  # noqa: PLC0415

        return pa.RecordBatchReader.from_batches(
            pa.schema([field for field, _ in self.fields]), self._batches()
        )

    def _batches(self) -> Iterator["pa.RecordBatch"]:
        import pyarrow as pa  # noqa: PLC0415

        schema = pa.schema([field for field, _ in self.fields])
        try:
            for batch in self._reader:
                columns = [fitted(column, field) for column, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except Exception as error:
            self.failure = error
            raise


def staged_type(  # noqa: PLR0911 - one case after the other
    field: "Field", column: "Column"
) -> tuple["pa.DataType", str]:
    """Return the Arrow type in which `field` is sent, and the SQL type of its staging column.

    Raises:
        RefusedDataError: there is no way from one to the other.
    """
    import pyarrow as pa  # noqa: PLC0415

    kind = _value_type(field.type)
    native = _native_type(column.typname, column.typmod)
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if isinstance(kind, (pa.JsonType, pa.UuidType)):
        same = column.typname == "uuid" if isinstance(kind, pa.UuidType) else column.typname == "json"
        return (kind if same else pa.string()), (column.base_type if same else "text")
    if column.typname in _TEXT:
        return pa.string(), column.base_type
    if textual:
        return pa.string(), "text"
    if column.typname == "numeric":
        return _numeric(kind, column)
    if native is not None:
        return native, column.base_type
    if pa.types.is_null(kind):
        return pa.string(), "text"
    if column.typname == "interval":
        return kind, column.base_type
    raise RefusedDataError(
        f"column {column.name} is {field.type} in the rows and {column.declared_type} in the table: give it as text"
    )


def fitted(column: Any, field: Any) -> "Array":
    """Return `column` with the type of `field`.

    Raises:
        RefusedDataError: a value would be cut, overflow or lose digits.
    """
    import pyarrow as pa  # noqa: PLC0415

    try:
        values = plain(_widened(column, field.type), field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise RefusedDataError(
            f"column {field.name}: {column.type} does not fit the table's {field.type}: {error}"
        ) from None
    if pa.types.is_date32(field.type) and pa.types.is_timestamp(column.type):
        _refuse_times(column, values, field.name)
    return values


def _widened(column: Any, kind: Any) -> Any:
    """Return integers meant for a decimal with room to spare: Arrow asks for room for 2^63 else."""
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_integer(column.type) and pa.types.is_decimal(kind):
        return column.cast(pa.decimal256(76, kind.scale))
    return column


def _refuse_times(moments: Any, days: Any, name: str) -> None:
    """Raise RefusedDataError if a moment is not midnight: Arrow cuts the time off without a word."""
    import pyarrow.compute as pc  # noqa: PLC0415

    if pc.any(pc.not_equal(days.cast(moments.type), moments)).as_py():
        raise RefusedDataError(f"column {name} is a date in the table, and its values have a time of day")


def _value_type(kind: Any) -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415

    return cast("pa.DataType", kind.value_type if pa.types.is_dictionary(kind) else kind)


def _numeric(kind: "pa.DataType", column: "Column") -> tuple["pa.DataType", str]:
    import pyarrow as pa  # noqa: PLC0415

    if column.typmod >= 0:
        return numeric_type(column.typmod), column.base_type
    if pa.types.is_floating(kind):
        return pa.float64(), "double precision"
    if pa.types.is_integer(kind):
        return pa.int64(), "bigint"
    return (kind if pa.types.is_decimal(kind) else numeric_type(-1)), "numeric"


def _native_type(typname: str, typmod: int) -> "pa.DataType | None":
    """Return the type that COPY takes as it is for Postgres' `typname`; None if there is none."""
    import pyarrow as pa  # noqa: PLC0415

    if typname.startswith("_"):
        element = pa.string() if typname[1:] in _TEXT else _native_type(typname[1:], typmod)
        return None if element is None else pa.list_(element)
    if typname == "numeric":
        return numeric_type(typmod)
    types: dict[str, pa.DataType] = {
        "bool": pa.bool_(),
        "bytea": pa.binary(),
        "date": pa.date32(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
    }
    return types.get(typname)
