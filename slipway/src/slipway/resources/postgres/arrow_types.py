"""From what the ADBC driver hands over to plain Arrow types.

Belongs here: which Arrow type each Postgres type is read as. Does not belong here: queries, and the
way back (`staging`).

| Postgres | Arrow |
|---|---|
| smallint, integer, bigint, oid | int16, int32, int64, int64 |
| real, double precision, boolean, bytea | float32, float64, bool, binary |
| text, varchar, char(n), name, enums, citext, json, jsonb, uuid | string |
| numeric(p, s) | decimal128(p, s), decimal256 above 38 digits |
| numeric | decimal128(38, 18); a value with more digits on either side is refused, never rounded |
| date, time, interval | date32, time64[us], month_day_nano_interval |
| timestamp, timestamptz | timestamp[us], timestamp[us, UTC] |
| arrays of these | list; several dimensions arrive as one |

Anything else (inet, ranges, composites, money, ...) is refused with the cast that helps: the driver
hands over the server's internal bytes for them, and cents without their point for money. So is
`infinity` in a date or timestamp, which the driver turns into a date of the year -28134.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from slipway.resources.postgres.errors import RefusedDataError

if TYPE_CHECKING:
    import pyarrow as pa

    Array = pa.Array[Any]
    Field = pa.Field[Any]

UNCONSTRAINED_NUMERIC = (38, 18)
"""Precision and scale for a numeric without any, as sums have: 20 digits before the point, 18 after."""

_DECIMAL128_DIGITS = 38
_DECIMAL256_DIGITS = 76
_UUID_TEXT_GROUPS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
# Postgres' calendar begins in 4714 BC. What is earlier has overflowed: infinity, or years past 294000.
_FIRST_MICROSECOND = -210_866_803_200_000_000
_FIRST_DAY = -2_440_588


def foreign_type_names(schema: "pa.Schema") -> list[str]:
    """Return the type names in `schema` that the driver does not know; the catalog may."""
    fields = (_innermost(field) for field in schema)
    return sorted({field.type.type_name for field in fields if _is_raw_bytes(field.type)})


def converted_schema(schema: "pa.Schema", textual: Collection[str] = ()) -> "pa.Schema":
    """Return the schema that `converted_batches` has for the driver's `schema`.

    `textual` are those of `foreign_type_names` whose bytes are text, as an enum's are.

    Raises:
        RefusedDataError: a column has a type without an Arrow type, or two columns share a name.
    """
    import pyarrow as pa  # noqa: PLC0415

    doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if doubled:
        raise RefusedDataError(
            f"the query returns several columns named {', '.join(doubled)}: name them apart"
        )
    return pa.schema([pa.field(field.name, _target(field, textual)) for field in schema])


def converted_batch(batch: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """Return `batch`, as the driver gave it, with the types of `schema`.

    Raises:
        RefusedDataError: a value does not fit its type; the message names the column.
    """
    import pyarrow as pa  # noqa: PLC0415

    columns = [_convert(column, field) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def numeric_type(typmod: int) -> "pa.DataType":
    """Return the decimal type for the type modifier of a numeric column; -1 is none.

    The modifier is `(precision << 16 | scale) + 4`, the scale eleven bits with sign: `make_numeric_typmod`
    in https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c.

    Raises:
        RefusedDataError: it has more than 76 digits.
    """
    import pyarrow as pa  # noqa: PLC0415

    if typmod < 0:
        return pa.decimal128(*UNCONSTRAINED_NUMERIC)
    precision = (typmod - 4) >> 16 & 0xFFFF
    scale = ((typmod - 4 & 0x7FF) ^ 0x400) - 0x400
    digits = max(precision, scale) if scale >= 0 else precision - scale
    if digits > _DECIMAL256_DIGITS:
        raise RefusedDataError(f"numeric({precision},{scale}) has more digits than Arrow's decimals: cast it")
    wide = digits > _DECIMAL128_DIGITS
    return (pa.decimal256 if wide else pa.decimal128)(digits, max(scale, 0))


def _innermost(field: "Field") -> "Field":
    import pyarrow as pa  # noqa: PLC0415

    return _innermost(field.type.value_field) if pa.types.is_list(field.type) else field


def _is_raw_bytes(kind: "pa.DataType") -> bool:
    import pyarrow as pa  # noqa: PLC0415

    return isinstance(kind, pa.OpaqueType) and pa.types.is_binary(kind.storage_type)


def _target(field: "Field", textual: Collection[str]) -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415

    kind: Any = field.type
    metadata = field.metadata or {}
    name = metadata.get(b"POSTGRESQL:type", b"").decode()
    if pa.types.is_list(kind):
        inner = kind.value_field
        return pa.list_(pa.field(inner.name, _target(inner, textual)))
    if isinstance(kind, (pa.JsonType, pa.UuidType)):
        return pa.string()
    if name == "oid":
        return pa.int64()
    if isinstance(kind, pa.OpaqueType):
        if kind.type_name == "numeric":
            return numeric_type(int(metadata.get(b"POSTGRESQL:typmod", b"-1")))
        if kind.type_name in textual:
            return pa.string()
        name = kind.type_name
    if name == "money" or isinstance(kind, pa.OpaqueType):
        usable = "numeric" if name == "money" else "text"
        raise RefusedDataError(
            f"column {field.name} has the type {name}, which has no Arrow type: "
            f"select {field.name}::{usable} AS {field.name}"
        )
    return cast("pa.DataType", kind)


def _convert(column: "Array", field: "Field") -> "Array":
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_int32(column.type) and pa.types.is_int64(field.type):
        # An oid: unsigned, which the driver does not say.
        column = column.view(pa.uint32())
    try:
        values = plain(column, field.type)
    except (pa.ArrowInvalid, OverflowError) as error:
        raise RefusedDataError(
            f"column {field.name} holds a value that {field.type} can't hold exactly ({error}). Cast it in the "
            f"query, such as {field.name}::numeric(38, 6), and map NaN and infinity to NULL with NULLIF"
        ) from None
    _refuse_overflow(values, field)
    return values


def plain(column: Any, kind: Any) -> "Array":
    """Return `column` cast to `kind`, extension types by their meaning; raises pyarrow's own errors."""
    import pyarrow as pa  # noqa: PLC0415

    if column.type == kind:
        return cast("Array", column)
    if pa.types.is_list(column.type) and isinstance(column.type.value_type, pa.BaseExtensionType):
        values = plain(column.values, kind.value_type)
        return pa.ListArray.from_arrays(column.offsets, values, type=kind, mask=column.is_null())
    if isinstance(column.type, pa.UuidType):
        return _uuid_text(column.storage)
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return cast("Array", storage.cast(kind))


def _uuid_text(values: Any) -> "Array":
    """Return 16-byte values as the usual 36 characters, a column at a time: Arrow has no kernel for it."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    data = values.buffers()[1]
    start = values.offset * 16
    digits = pa.py_buffer(
        (data.to_pybytes()[start : start + len(values) * 16] if data else b"").hex().encode()
    )
    offsets: Any = pa.array(range(0, 32 * len(values) + 1, 32), pa.int32()).buffers()[1]
    text = pa.StringArray.from_buffers(len(values), offsets, digits)
    groups = [pc.utf8_slice_codeunits(text, start, stop) for start, stop in _UUID_TEXT_GROUPS]
    joined = pc.binary_join_element_wise(*groups, cast("Any", "-"))
    return cast("Array", pc.if_else(values.is_valid(), joined, pa.scalar(None, pa.string())))


def _refuse_overflow(values: Any, field: "Field") -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    kind: Any = field.type
    if pa.types.is_list(kind):
        values, kind = values.values, kind.value_type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date32(kind)):
        return
    is_date = pa.types.is_date32(kind)
    earliest = pc.min(values.view(pa.int32() if is_date else pa.int64())).as_py()
    if earliest is not None and earliest < (_FIRST_DAY if is_date else _FIRST_MICROSECOND):
        raise RefusedDataError(
            f"column {field.name} holds infinity, or a date too late for Arrow: "
            f"select NULLIF({field.name}, 'infinity') AS {field.name}"
        )
