"""A contract as a file, and back: the Open Data Contract Standard (ODCS) 3.1, in YAML.

The standard's own fields are used wherever it has one, so that other tools read the file:

    required                         not nullable
    logicalTypeOptions               minimum, maximum, pattern
    quality: invalidValues           allowed
    unique, quality: duplicateValues unique keys, of one column and of several
    quality: rowCount                minimum_rows, maximum_rows
    partitioned, physicalName        how the asset is divided, and where its objects are, or its table
    physicalType                     the Arrow type, as Arrow writes it

Version 3.1 and not 3.2 of the standard: of what 3.2 adds nothing is needed, and tools that know it
read 3.1. Belongs here: the form, with the same bytes for the same contract. Does not belong here:
where files are.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from slipway.columns import Column, Limit
from slipway.contracts.contract import Contract, Published
from slipway.contracts.errors import DocumentError
from slipway.contracts.types import logical_type, type_of
from slipway.storage.keys import PARQUET

SUFFIX = ".odcs.yaml"
"""By which editors know the standard's files."""
API_VERSION = "v3.1.0"

_HEAD = "# Made from the asset's declaration, never by hand: see docs/contracts.md.\n"
_WIDTH = 110
_NONE = {"mustBe": 0}

Document = dict[str, Any]


def to_document(published: Published) -> Document:
    """Return the contract as plain values: what JSON and YAML can hold."""
    contract = published.contract
    alone = {key[0] for key in contract.unique if len(key) == 1}
    table = {
        "name": published.asset,
        "physicalName": published.path,
        "physicalType": "parquet" if published.path.endswith(PARQUET) else "table",
        "logicalType": "object",
        "properties": [_property(column, published, column.name in alone) for column in contract.columns],
        "quality": [_duplicates(key) for key in contract.unique if len(key) > 1] + _row_count(contract),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"{published.domain}/{published.asset}",
        "name": published.asset,
        "version": contract.version,
        "status": "active",
        "domain": published.domain,
        **({"description": {"purpose": published.purpose}} if published.purpose else {}),
        **({"team": {"name": ", ".join(published.owners)}} if published.owners else {}),
        "schema": [{name: value for name, value in table.items() if value != []}],
    }


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the file: the same bytes for the same document, whichever process writes it."""
    import yaml  # noqa: PLC0415

    class Indented(yaml.SafeDumper):
        """Writes a list further in than its key, as yamllint wants it."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, False)

    text = yaml.dump(dict(document), Dumper=Indented, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return (_HEAD + text).encode()


def from_bytes(data: bytes, where: str) -> Published:
    """Return the contract that `data` is, which `where` names in errors.

    Raises:
        DocumentError: it is no YAML, or says something that `to_document` never writes.
    """
    import yaml  # noqa: PLC0415

    try:
        return from_document(yaml.safe_load(data))
    except (yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DocumentError(
            f"{where} is no contract file of ours: {type(error).__name__}: {error}"
        ) from error


def from_document(document: Mapping[str, Any]) -> Published:
    """Return the contract that was written as `document`; raises what plain look-ups raise."""
    (table,) = document["schema"]
    rules = {each["metric"]: each for each in table.get("quality", []) if each["metric"] == "rowCount"}
    least, greatest = _bounds(rules.get("rowCount", {}))
    alone = [(each["name"],) for each in table["properties"] if each.get("unique")]
    together = [
        tuple(each["arguments"]["properties"])
        for each in table.get("quality", [])
        if each["metric"] == "duplicateValues"
    ]
    contract = Contract(
        version=document["version"],
        columns=tuple(_column(each) for each in table["properties"]),
        unique=(*alone, *together),
        minimum_rows=least,
        maximum_rows=greatest,
    )
    divided = sorted(
        (each["partitionKeyPosition"], each["name"])
        for each in table["properties"]
        if each.get("partitioned")
    )
    return Published(
        asset=document["name"],
        domain=document["domain"],
        contract=contract,
        path=table["physicalName"],
        purpose=document.get("description", {}).get("purpose", ""),
        owners=tuple(name for name in document.get("team", {}).get("name", "").split(", ") if name),
        partitioned_by=tuple(name for _, name in divided),
    )


def _property(column: Column, published: Published, unique: bool) -> Document:
    limits = {"minimum": column.minimum, "maximum": column.maximum, "pattern": column.pattern}
    options = {name: _plain(limit) for name, limit in limits.items() if limit is not None}
    found: Document = {
        "name": column.name,
        "logicalType": logical_type(column.type),
        "physicalType": str(column.type),
        "description": column.description,
        "required": not column.nullable,
    }
    if unique:
        found["unique"] = True
    if column.name in published.partitioned_by:
        position = published.partitioned_by.index(column.name) + 1
        found |= {"partitioned": True, "partitionKeyPosition": position}
    if options:
        found["logicalTypeOptions"] = options
    if column.allowed is not None:
        arguments = {"validValues": list(column.allowed)}
        found["quality"] = [{"metric": "invalidValues", "arguments": arguments, **_NONE}]
    return found


def _column(found: Mapping[str, Any]) -> Column:
    of = type_of(found["physicalType"])
    if of is None:
        raise ValueError(f"column {found['name']} has the type {found['physicalType']!r}, which is unknown")
    options = found.get("logicalTypeOptions", {})
    allowed = next((tuple(each["arguments"]["validValues"]) for each in found.get("quality", [])), None)
    return Column(
        found["name"],
        of,
        found["description"],
        nullable=not found["required"],
        minimum=_limit(options.get("minimum"), of),
        maximum=_limit(options.get("maximum"), of),
        allowed=allowed,
        pattern=options.get("pattern"),
    )


def _plain(limit: Limit | str) -> int | float | str:
    """Return a limit as YAML has it. Decimals become numbers, exact as far as 15 digits go."""
    if isinstance(limit, Decimal):
        return int(limit) if limit == limit.to_integral_value() else float(limit)
    return limit.isoformat() if isinstance(limit, date) else limit


def _limit(written: Any, of: pa.DataType) -> Limit | None:
    if written is None:
        return None
    if isinstance(written, str):
        return datetime.fromisoformat(written) if pa.types.is_timestamp(of) else date.fromisoformat(written)
    limit: Limit = Decimal(str(written)) if pa.types.is_decimal(of) else written
    return limit


def _duplicates(key: tuple[str, ...]) -> Document:
    return {"metric": "duplicateValues", "arguments": {"properties": list(key)}, **_NONE}


def _row_count(contract: Contract) -> list[Document]:
    least, greatest = contract.minimum_rows, contract.maximum_rows
    if least is not None and least == greatest:
        return [{"metric": "rowCount", "mustBe": least}]
    if least is not None and greatest is not None:
        return [{"metric": "rowCount", "mustBeBetween": [least, greatest]}]
    if least is not None:
        return [{"metric": "rowCount", "mustBeGreaterOrEqualTo": least}]
    return [] if greatest is None else [{"metric": "rowCount", "mustBeLessOrEqualTo": greatest}]


def _bounds(rule: Mapping[str, Any]) -> tuple[int | None, int | None]:
    if "mustBeBetween" in rule:
        least, greatest = rule["mustBeBetween"]
        return least, greatest
    exactly = rule.get("mustBe")
    return rule.get("mustBeGreaterOrEqualTo", exactly), rule.get("mustBeLessOrEqualTo", exactly)
