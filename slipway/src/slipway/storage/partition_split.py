"""Divide one frame over the partitions of a run, by the values of a column.

Belongs here: which row belongs to which partition. Does not belong here: writing them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from slipway.storage.errors import PartitionsError
from slipway.storage.frames import is_pandas

_NAMED = 5


def split(
    frame: Any, columns: Any, definition: dg.PartitionsDefinition[str], keys: Sequence[str], label: str
) -> Iterator[tuple[str, Any]]:
    """Yield (key, rows) for every one of `keys`, in their order; a key without rows gets an empty frame.

    `frame` is a pandas DataFrame or a pyarrow Table; rows keep their order. `columns` is the column's
    name, or for a multi-partitioned asset a mapping of dimension to column. For time partitions the
    column is a date, a timestamp (without a zone: in the definition's zone) or a string equal to the
    key; for others it is a string, or is compared as one.

    All rows are assigned before the first partition is yielded.

    Raises:
        PartitionsError: the column does not exist or has another type, or there are rows, which are
            named, that belong to none of `keys`.
    """
    if isinstance(definition, dg.MultiPartitionsDefinition):
        numbers = _of_dimensions(frame, columns, definition, keys, label)
    else:
        column = _column(frame, columns, label)
        numbers = _numbers(column, definition, list(keys), label)
        _refuse_strays(column, numbers, keys, f"{label}: column {columns!r}")
    order = pc.sort_indices(numbers)  # stable: rows of a partition keep their order
    counted: Any = pc.value_counts(numbers)
    counts = {pair["values"]: pair["counts"] for pair in counted.to_pylist()}
    start = 0
    for number, key in enumerate(keys):
        rows = order.slice(start, counts.get(number, 0))
        start += len(rows)
        yield key, frame.iloc[rows.to_numpy()] if is_pandas(frame) else frame.take(rows)


def _of_dimensions(
    frame: Any, columns: Any, definition: dg.MultiPartitionsDefinition, keys: Sequence[str], label: str
) -> "pa.Array[Any]":
    """Number the rows of a multi-partitioned asset by one column per dimension."""
    names = sorted(dimension.name for dimension in definition.partitions_defs)
    if not isinstance(columns, dict) or sorted(columns) != names:
        raise PartitionsError(
            f"{label}: it is partitioned by {' and '.join(names)}, so slipway/partition_by has to be a dict "
            f"that gives each of them a column, and is {columns!r}"
        )
    parts = [definition.get_partition_key_from_str(str(key)).keys_by_dimension for key in keys]
    joined = pa.nulls(len(frame) if is_pandas(frame) else frame.num_rows, pa.int64()).fill_null(0)
    expected = [0] * len(keys)
    shown: list[Any] = []
    for dimension in sorted(definition.partitions_defs, key=lambda each: each.name):
        values = sorted({part[dimension.name] for part in parts})
        column = _column(frame, columns[dimension.name], label)
        numbers = _numbers(column, dimension.partitions_def, values, label)
        _refuse_strays(column, numbers, values, f"{label}: column {columns[dimension.name]!r}")
        joined = pc.add(pc.multiply(joined, len(values)), numbers)
        expected = [
            number * len(values) + values.index(part[dimension.name])
            for number, part in zip(expected, parts, strict=True)
        ]
        shown.append(pa.array(values).take(numbers))
    numbers = pc.index_in(joined, value_set=pa.array(expected, pa.int64()))
    _refuse_strays(pc.binary_join_element_wise(*shown, "|"), numbers, keys, label)
    return numbers


def _column(frame: Any, name: Any, label: str) -> "pa.Array[Any]":
    names = list(frame.columns) if is_pandas(frame) else frame.schema.names
    if name not in names:
        raise PartitionsError(
            f"{label}: slipway/partition_by names the column {name!r}; the frame has {', '.join(map(str, names))}"
        )
    column = pa.array(frame[name], from_pandas=True) if is_pandas(frame) else frame.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numbers(
    column: "pa.Array[Any]", definition: dg.PartitionsDefinition[str], keys: Sequence[str], label: str
) -> "pa.Array[Any]":
    """Return for each row the index in `keys` of its partition, null where there is none."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    temporal = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    if isinstance(definition, dg.TimeWindowPartitionsDefinition) and temporal:
        return _by_distinct(_whole_minutes(column, definition.timezone), _finder(definition, keys))
    if pa.types.is_floating(kind) or pa.types.is_nested(kind) or (temporal and not pa.types.is_date(kind)):
        raise PartitionsError(
            f"{label}: a column of type {kind} can't name partitions of {type(definition).__name__}"
        )
    return pc.index_in(column.cast(pa.string()), value_set=pa.array([str(key) for key in keys], pa.string()))


def _whole_minutes(column: "pa.Array[Any]", zone: str) -> "pa.Array[Any]":
    """Return the instants, cut to the minute: no schedule of partitions is finer."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
    if getattr(column.type, "tz", None) is None:
        column = pc.assume_timezone(cast("Any", column), zone, ambiguous="earliest", nonexistent="earliest")
    # Cutting is done in UTC: in a zone whose clocks change, a local minute can exist twice.
    return pc.floor_temporal(column.cast(pa.timestamp(column.type.unit, "UTC")), unit="minute")


def _finder(
    definition: dg.TimeWindowPartitionsDefinition, keys: Sequence[str]
) -> Callable[[datetime], int | None]:
    windows = sorted(
        (window.start.timestamp(), window.end.timestamp(), number)
        for number, window in enumerate(map(definition.time_window_for_partition_key, keys))
    )
    starts = [start for start, _, _ in windows]

    def find(instant: datetime) -> int | None:
        position = bisect_right(starts, instant.timestamp()) - 1
        if position < 0 or instant.timestamp() >= windows[position][1]:
            return None
        return windows[position][2]

    return find


def _by_distinct(column: "pa.Array[Any]", find: Callable[[datetime], int | None]) -> "pa.Array[Any]":
    """Apply `find` to each distinct value once: there are far fewer of them than rows."""
    encoded = column.dictionary_encode()
    seconds: Any = encoded.dictionary.cast(pa.timestamp("s", "UTC")).cast(pa.int64()).to_pylist()
    numbers = pa.array([find(datetime.fromtimestamp(each, UTC)) for each in seconds], pa.int32())
    return numbers.take(encoded.indices)


def _refuse_strays(
    column: "pa.Array[Any]", numbers: "pa.Array[Any]", keys: Sequence[str], label: str
) -> None:
    if not numbers.null_count:
        return
    strays = column.filter(pc.is_null(numbers))
    values = [_shown(value) for value in pc.unique(strays).slice(0, _NAMED).to_pylist()]
    run = str(keys[0]) if len(keys) == 1 else f"{keys[0]} to {keys[-1]} ({len(keys)} partitions)"
    raise PartitionsError(
        f"{label}: {len(strays)} rows belong to no partition of this run, which is of {run}; their values "
        f"are {', '.join(values)}{', ...' if len(values) == _NAMED else ''}. Nothing was written. Select the "
        "run's rows only (context.partition_time_window, context.partition_keys)"
    )


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else repr(value)
