"""Make one frame of many partitions whose columns may have changed over time.

Belongs here: which types go together. Does not belong here: fetching, pandas.
"""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from slipway.storage.errors import SchemaMismatchError
from slipway.storage.keys import Place

_PANDAS = b"pandas"


def common_schema(schemas: Sequence[pa.Schema], places: Sequence[Place]) -> pa.Schema:
    """Return the schema that holds the rows of all `schemas`, in the order of first appearance.

    A column that some lack is nullable. Types become the wider of the two: null and anything, integers,
    floats, decimals, time units, string and large_string; a dictionary and its values become the values.
    Integers and floats become float64, as pandas itself does to integers with gaps; an integer above
    2**53 is then refused when the rows are cast (see `conformed`).

    Raises:
        SchemaMismatchError: naming partition, column and both types.
    """
    if len(schemas) == 1:
        return schemas[0]
    fields: dict[str, pa.Field[Any]] = {}
    first: dict[str, Place] = {}
    for schema, place in zip(schemas, places, strict=True):
        for field in schema:
            known = fields.get(field.name)
            first.setdefault(field.name, place)
            fields[field.name] = field if known is None else _wider(known, field, first[field.name], place)
    lacking = {name for name in fields if any(name not in schema.names for schema in schemas)}
    merged = pa.schema(
        [field.with_nullable(True) if name in lacking else field for name, field in fields.items()]
    )
    pandas = _pandas_metadata(schemas)
    return merged.with_metadata({_PANDAS: pandas}) if pandas else merged


def conformed(table: pa.Table, schema: pa.Schema, place: Place) -> pa.Table:
    """Return `table` with the columns and types of `schema`; columns it lacks are null.

    Raises:
        SchemaMismatchError: a value does not survive the change of type.
    """
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        try:
            columns.append(column if column.type == field.type else column.cast(field.type, safe=True))
        except pa.ArrowException as error:
            raise SchemaMismatchError(
                f"{place.label}: column {field.name!r} is {column.type} here and {field.type} in all "
                f"partitions together, and a value does not fit: {error}. {_way_out(place)}"
            ) from error
    return pa.Table.from_arrays(columns, schema=schema)


def _wider(
    known: "pa.Field[Any]", field: "pa.Field[Any]", known_place: Place, place: Place
) -> "pa.Field[Any]":
    if known.type == field.type:
        return known if known.nullable else field
    left, right = known, field
    if pa.types.is_dictionary(known.type) != pa.types.is_dictionary(field.type):
        left, right = _decoded(known), _decoded(field)
    try:
        return pa.unify_schemas([pa.schema([left]), pa.schema([right])], promote_options="permissive").field(
            0
        )
    except pa.ArrowException as error:
        raise SchemaMismatchError(
            f"asset {place.asset}: column {field.name!r} is {field.type} in partition {place.partition} and "
            f"{known.type} in partition {known_place.partition}. {_way_out(place)}"
        ) from error


def _decoded(field: "pa.Field[Any]") -> "pa.Field[Any]":
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _way_out(place: Place) -> str:
    return (
        "Give the column one type in the asset and write the partition that is wrong anew: "
        f"`{place.launch_command}`. To read them apart, annotate the input as dict[str, <frame>]."
    )


def _pandas_metadata(schemas: Sequence[pa.Schema]) -> bytes | None:
    """Merge what pandas needs to make the frames again: the extension types and the index.

    Where two partitions disagree on a column's type, or on the index, plain columns are made: the
    metadata of one partition would turn the other's values into something they are not.
    """
    stored = [schema.pandas_metadata for schema in schemas]
    if not stored or any(each is None for each in stored):
        return None
    merged = json.loads(json.dumps(stored[0]))
    columns = {column["field_name"]: column for column in merged["columns"]}
    for each in stored[1:]:
        for column in each["columns"]:
            known = columns.setdefault(column["field_name"], column)
            if known["numpy_type"] != column["numpy_type"]:
                columns[column["field_name"]] = {**known, "pandas_type": "mixed", "numpy_type": "object"}
        if each["index_columns"] != merged["index_columns"]:
            merged["index_columns"] = []
    merged["columns"] = list(columns.values())
    return json.dumps(merged).encode()
