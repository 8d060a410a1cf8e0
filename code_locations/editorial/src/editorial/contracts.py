"""The contracts of the published models, derived from dbt's manifest: they are declared in the models' `models.yml`.

dbt enforces what is declared there (`contract: {enforced: true}`): a model with other columns or types does not run, and
its new table has the constraints, so that rows that break one never take the old table's place. Here the same declaration
becomes the contract that the location's load test compares with the committed files (docs/contracts.md). Does not
belong here: rules of its own.
"""

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from slipway.contracts import Column, Contract, DeclarationError, Published

VERSION = "contract_version"
"""Key in a model's `config.meta`."""

_TYPES = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
}
"""As the resource `warehouse` reads them."""
_NUMERIC = re.compile(r"^numeric\((\d+), *(\d+)\)$")


def published(node: Mapping[str, Any], asset: str, owners: list[str]) -> Published | None:
    """Return the contract of a manifest's model, or None if the model is not under one.

    Raises:
        DeclarationError: it has no version, or a column a type that contracts don't know; the model is named.
    """
    config = node["config"]
    if not (config.get("contract") or {}).get("enforced"):
        return None
    version = config["meta"].get(VERSION)
    if version is None:
        raise DeclarationError(
            f"model {node['name']}: it has an enforced contract without a version: add `config: {{meta: "
            f"{{{VERSION}: 1.0.0}}}}` to its entry in models.yml"
        )
    columns = node["columns"].values()
    unique = tuple((each["name"],) for each in columns if _has(each, "unique"))
    return Published(
        asset=asset,
        domain="editorial",
        contract=Contract(str(version), tuple(_column(node["name"], each) for each in columns), unique),
        path=f"{node['schema']}.{node['alias']}",
        purpose=node["description"],
        owners=tuple(owners),
    )


def _column(model: str, column: Mapping[str, Any]) -> Column:
    declared = column["data_type"]
    kind = _TYPES.get(declared)
    if found := _NUMERIC.match(declared):
        kind = pa.decimal128(int(found[1]), int(found[2]))
    if kind is None:
        raise DeclarationError(
            f"model {model}, column {column['name']}: a contract can't have the type {declared!r}; it can have "
            f"{', '.join(_TYPES)} and numeric(p, s)"
        )
    return Column(column["name"], kind, column["description"], nullable=not _has(column, "not_null"))


def _has(column: Mapping[str, Any], constraint: str) -> bool:
    return any(each["type"] == constraint for each in column["constraints"])
