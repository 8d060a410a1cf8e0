"""Arrow types as text and back, and the kinds that the Open Data Contract Standard knows.

Belongs here: types of columns. Nested types are not for contracts: no rule applies to them.
"""

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

_DECIMAL = re.compile(r"^decimal(128|256)\((\d+), (-?\d+)\)$")
_TIMESTAMP = re.compile(r"^timestamp\[(s|ms|us|ns), tz=(.+)\]$")
_STRINGS = (pa.string(), pa.large_string(), pa.string_view())


def type_of(text: str) -> pa.DataType | None:
    """Return the type that `str(type)` wrote as `text`; None for those that contracts don't know."""
    if found := _DECIMAL.match(text):
        width, precision, scale = map(int, found.groups())
        return pa.decimal128(precision, scale) if width == 128 else pa.decimal256(precision, scale)  # noqa: PLR2004
    if found := _TIMESTAMP.match(text):
        unit: Any = found.group(1)
        return pa.timestamp(unit, found.group(2))
    try:
        name: Any = text
        found_type: pa.DataType = pa.type_for_alias(name)
    except ValueError:
        return None
    return found_type


def logical_type(of: pa.DataType) -> str:
    """Return the standard's `logicalType`."""
    kinds: dict[str, Callable[[pa.DataType], bool]] = {
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": lambda each: pa.types.is_floating(each) or pa.types.is_decimal(each),
        "date": pa.types.is_date,
        "timestamp": pa.types.is_timestamp,
        "time": pa.types.is_time,
    }
    return next((kind for kind, is_one in kinds.items() if is_one(of)), "string")


def same_type(one: pa.DataType, other: pa.DataType) -> bool:
    """Whether values are read alike: Parquet has one type of string, Arrow has three."""
    return one == other or (one in _STRINGS and other in _STRINGS)
