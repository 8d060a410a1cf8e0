"""What a materialisation says about the object it wrote.

Belongs here: Dagster's metadata of a written object. Does not belong here: anything that reads data
again; all comes from what the writer saw on the way.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from slipway.storage.keys import JSON, PARQUET, Place
from slipway.storage.parquet_write import Written

COLUMN_SCHEMA = "dagster/column_schema"

_PREVIEW_COLUMNS = 20
_CELL_CHARACTERS = 60
_PREVIEW_CHARACTERS = 4_000

Metadata = dict[str, Any]


def of_frame(written: Written, place: Place, declared: Mapping[str, Any], *, preview: bool) -> Metadata:
    """Return row count, column schema, size in bytes, URI and a preview of the first rows.

    The row count is `dagster/partition_row_count` for a partition: the UI adds those up, and shows
    `dagster/row_count` as that of the whole table. Descriptions, tags and constraints of the columns are
    taken from the `dagster/column_schema` that the asset's definition `declared`, if any.
    """
    count = "dagster/row_count" if place.partition is None else "dagster/partition_row_count"
    found: Metadata = {
        count: written.rows,
        COLUMN_SCHEMA: _column_schema(written.schema, declared.get(COLUMN_SCHEMA)),
        "size_bytes": written.size,
        "dagster/uri": place.uri(PARQUET),
    }
    if preview:
        found["preview"] = dg.MetadataValue.md(_preview(written.head))
    return found


def of_value(size: int, place: Place) -> Metadata:
    """Return size in bytes and URI of a value stored as JSON."""
    return {"size_bytes": size, "dagster/uri": place.uri(JSON)}


def _column_schema(schema: pa.Schema, declared: Any) -> dg.TableSchema:
    known = getattr(declared, "schema", declared)  # Dagster wraps a TableSchema in a metadata value
    columns = {column.name: column for column in known.columns} if isinstance(known, dg.TableSchema) else {}
    return dg.TableSchema([_column(field, columns.get(field.name)) for field in schema])


def _column(field: "pa.Field[Any]", declared: dg.TableColumn | None) -> dg.TableColumn:
    if declared is None:
        constraints = dg.TableColumnConstraints(nullable=field.nullable)
        return dg.TableColumn(field.name, str(field.type), constraints=constraints)
    return dg.TableColumn(
        field.name, str(field.type), declared.description, declared.constraints, declared.tags
    )


def _preview(head: pa.Table) -> str:
    names = head.schema.names[:_PREVIEW_COLUMNS]
    shown = head.select(names)
    lines = [_line(names), _line(["---"] * len(names))]
    lines += [_line(row.values()) for row in shown.to_pylist()]
    if head.num_columns > len(names):
        lines.append(f"\n{head.num_columns - len(names)} more columns")
    text = "\n".join(lines)
    return text if len(text) <= _PREVIEW_CHARACTERS else text[:_PREVIEW_CHARACTERS] + " ..."


def _line(cells: Any) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if len(text) > _CELL_CHARACTERS:
        text = text[:_CELL_CHARACTERS] + "..."
    return text.replace("|", "\\|").replace("\n", " ").replace("\r", " ")
