"""Turn frames into Arrow tables piece by piece, and Arrow tables back into frames.

Belongs here: everything that knows pandas. pandas is no dependency of this package: it is touched
only when a value or an annotation is one of its own. Does not belong here: objects, partitions.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from slipway.storage.errors import UnsupportedFrameError

PIECE_ROWS = 16_384
"""Rows that are converted at a time. Small enough that a slice of a wide frame is no copy of it."""


def is_pandas(value: object) -> bool:
    """Whether `value` is a pandas DataFrame."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_frame(value: object) -> bool:
    """Whether `value` is a pandas DataFrame, a pyarrow Table or a pyarrow RecordBatchReader."""
    return isinstance(value, pa.Table | pa.RecordBatchReader) or is_pandas(value)


def schema_of(frame: Any, label: str) -> pa.Schema:
    """Return the schema under which the whole of `frame` is stored.

    For pandas it is inferred from all rows, so that a slice in which a column happens to be null
    throughout gets the same type. A RangeIndex is not stored; any other index is, as columns.

    Raises:
        UnsupportedFrameError: a column mixes types, or two columns share a name; `label` says whose.
    """
    if is_pandas(frame):
        with _conversion(label, frame):
            schema = _inferred_schema(frame)
    else:
        schema = frame.schema
    if len(set(schema.names)) != len(schema.names):
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        raise UnsupportedFrameError(
            f"{label}: several columns are named {', '.join(map(repr, twice))}; rename them"
        )
    return schema


def pieces(frame: Any, schema: pa.Schema, label: str) -> Iterator[pa.Table]:
    """Yield `frame` as tables of `schema`; of a pandas frame, PIECE_ROWS rows are converted at a time.

    Raises:
        UnsupportedFrameError: see `schema_of`.
    """
    if is_pandas(frame):
        if not all(isinstance(name, str) for name in frame.columns):
            # Arrow looks the schema's names up in the frame; the schema's metadata remember what they were.
            frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
        for start in range(0, len(frame), PIECE_ROWS):
            part = frame.iloc[start : start + PIECE_ROWS]
            with _conversion(label, part):
                table = pa.Table.from_pandas(part, schema=schema, preserve_index=_preserve_index(frame))
            yield table
    elif isinstance(frame, pa.Table):
        yield frame
    else:
        for batch in frame:
            yield pa.Table.from_batches([batch], schema=schema)


def to_pandas(table: pa.Table) -> Any:
    """Return `table` as a pandas DataFrame, taking it apart: the caller must not use it afterwards.

    Column by column, so that at most one column exists twice. Categories that are not strings are
    stored as their values and become categories again: those that occur, in sorted order. A frame
    without rows has lost its categories, of whatever type.
    """
    several = max((column.num_chunks for column in table.columns), default=0) > 1
    categories = _plain_categories(table.schema)
    # With one chunk, split blocks would be views of Arrow's read-only memory, and assigning to the
    # frame would fail; with several they are copies in any case.
    frame = table.to_pandas(self_destruct=True, split_blocks=several)
    for name, ordered in categories.items():
        frame[name] = frame[name].astype("category")
        if ordered:
            frame[name] = frame[name].cat.as_ordered()
    return frame


def index_columns(schema: pa.Schema) -> list[str]:
    """Return the names of the columns that are the index of the pandas frame that was stored."""
    stored = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in stored if isinstance(name, str)]


def _plain_categories(schema: pa.Schema) -> dict[str, bool]:
    """Return the columns that were categorical and are not stored so, and whether they were ordered."""
    return {
        column["field_name"]: bool((column["metadata"] or {}).get("ordered"))
        for column in (schema.pandas_metadata or {}).get("columns", [])
        if column["pandas_type"] == "categorical"
        and column["field_name"] in schema.names
        and not pa.types.is_dictionary(schema.field(column["field_name"]).type)
    }


def _inferred_schema(frame: Any) -> pa.Schema:
    """Infer the schema; a RangeIndex, which is stored as a description, is taken out of its metadata.

    `preserve_index=False` would do the same, but forgets column names that are not strings as well.
    """
    schema = pa.Schema.from_pandas(frame)
    described = schema.pandas_metadata
    if _preserve_index(frame) is False:
        described["index_columns"] = []
    return schema.with_metadata({**schema.metadata, b"pandas": json.dumps(described).encode()})


def _preserve_index(frame: Any) -> bool | None:
    return False if isinstance(frame.index, sys.modules["pandas"].RangeIndex) else None


@contextmanager
def _conversion(label: str, frame: Any) -> Iterator[None]:
    """Say whose and which column pyarrow could not convert; its own message does not always."""
    try:
        yield
    except (pa.ArrowException, ValueError, TypeError) as error:
        said = ". ".join(str(part) for part in error.args)
        raise UnsupportedFrameError(
            f"{label}: the frame can't be stored as Parquet{_culprit(frame)}: {said}. Give the column one type "
            "before returning it"
        ) from error


def _culprit(frame: Any) -> str:
    for position, name in enumerate(frame.columns):
        try:
            pa.array(frame.iloc[:, position], from_pandas=True)
        except (pa.ArrowException, ValueError, TypeError):
            return f", because of column {name!r}"
    return ""
