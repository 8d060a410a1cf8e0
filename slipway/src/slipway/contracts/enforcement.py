"""Publish an asset under a contract: nothing that breaks it is stored.

    @published(Contract(version="1.0.0", columns=..., unique=(("day",),)), group_name="order_system")
    def daily_revenue(cleaned_orders: pa.Table) -> pa.Table: ...

`published` takes all that `dagster.asset` takes. The asset gets a blocking check `contract`, evaluated in the
asset's own step, after the function has returned and before the IO manager stores anything. Hence a table
that breaks the contract never takes the place of the good one, other code locations included; what is
downstream in the same run does not run; it costs no step of its own; and it works for runs over many
partitions, in which a check that is its own step would load them all.

Belongs here: what Dagster is told. Does not belong here: which rows are bad (`evaluation.py`).
"""

import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from slipway.columns import table_schema
from slipway.contracts.contract import Contract, Published
from slipway.contracts.document import to_document
from slipway.contracts.errors import BrokenContractError, DeclarationError
from slipway.contracts.evaluation import Evaluation, Violation, evaluate
from slipway.storage.frames import is_frame, pieces, schema_of
from slipway.storage.io_manager import CONTRACT
from slipway.storage.keys import PARQUET, asset_place
from slipway.storage.metadata import COLUMN_SCHEMA
from slipway.storage.outputs import PARTITION_BY

CHECK = "contract"
"""The check's name."""
MOST_ROWS = 50
"""Bad rows that a failed check shows, of all rules together; they are kept in Dagster's database."""

_DESCRIPTION = (
    "Columns, types, nulls and rules are those of the contract (docs/contracts.md); else nothing is stored."
)


def published(contract: Contract, **options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return a decorator that makes a function an asset which keeps `contract`.

    `options` are those of `dagster.asset`; its `dagster/column_schema` is made of the contract. The function
    returns a pandas DataFrame, a pyarrow Table or RecordBatchReader, or a dict of partition key to these
    (also in a `dagster.Output` or a `dagster.MaterializeResult`, with their metadata). A RecordBatchReader
    is written to a temporary file (about the frame's size) while it is evaluated, so that memory stays bounded.

    Raises (in a run):
        BrokenContractError: the message names column, rule and first bad row of all that is broken.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        key = _key(function, options)
        identity = _identity(contract, key, function, options)

        @functools.wraps(function)
        def compute(*arguments: Any, **named: Any) -> Iterator[Any]:
            yield from enforced(contract, key, function(*arguments, **named))

        metadata = {
            COLUMN_SCHEMA: table_schema(
                contract.columns, [each[0] for each in contract.unique if len(each) == 1]
            ),
            CONTRACT: dg.MetadataValue.json(to_document(identity)),
            **(options.get("metadata") or {}),
        }
        specs = [*(options.get("check_specs") or ()), contract_check(key)]
        made: dg.AssetsDefinition = dg.asset(**{**options, "metadata": metadata, "check_specs": specs})(
            compute
        )
        return made

    return decorate


def contract_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """Return the check's spec, for assets that `published` can't make (`dagster.multi_asset`)."""
    return dg.AssetCheckSpec(CHECK, asset=key, description=_DESCRIPTION, blocking=True)


def enforced(contract: Contract, key: dg.AssetKey, result: Any) -> Iterator[Any]:
    """Yield `result` as Dagster stores it, then the passed check; or the failed check, and raise.

    Raises:
        BrokenContractError: see `published`.
    """
    value, wrap = _unwrapped(result)
    label = f"asset {key.to_user_string()}"
    violations, value = _evaluated(contract, value, label)
    described = {"version": contract.version}
    if violations:
        yield dg.AssetCheckResult(
            passed=False,
            asset_key=key,
            check_name=CHECK,
            description="\n".join(_said(violations)),
            metadata={**described, **_tables(violations)},
        )
        raise BrokenContractError(_complaint(label, contract, violations))
    yield wrap(value)
    yield dg.AssetCheckResult(passed=True, asset_key=key, check_name=CHECK, metadata=described)


Found = Sequence[tuple[str, Violation]]
"""Violations, each with the partition that was returned by itself, or an empty string."""


def _evaluated(contract: Contract, value: Any, label: str) -> tuple[Found, Any]:
    """Return what breaks the contract, and the value anew, as a reader is used up by reading."""
    if isinstance(value, pa.RecordBatchReader):
        evaluation, spooled = _spooled(contract, value, label)
        return [("", each) for each in evaluation.violations()], spooled
    if is_frame(value):
        schema = schema_of(value, label)
        found = evaluate(contract, schema, pieces(value, schema, label))
        return [("", each) for each in found], value
    if isinstance(value, dict) and value and all(map(is_frame, value.values())):
        parts = {
            part: _evaluated(contract, frame, f"{label}, partition {part}") for part, frame in value.items()
        }
        violations = [(str(part), each) for part, (found, _) in parts.items() for _, each in found]
        return violations, {part: frame for part, (_, frame) in parts.items()}
    raise BrokenContractError(
        f"{label}: a {type(value).__name__} was returned, and a contract is about frames. Return a pandas DataFrame, "
        "a pyarrow Table or RecordBatchReader, or a dict of partition key to these."
    )


def _spooled(
    contract: Contract, reader: pa.RecordBatchReader, label: str
) -> tuple[Evaluation, pa.RecordBatchReader]:
    """Evaluate a stream while writing it to a temporary file, and return the file as a stream."""
    evaluation = Evaluation(contract, schema_of(reader, label))
    # No name and no owner but the stream: it vanishes with it, also when the process is killed.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    with pa.ipc.new_stream(file, reader.schema) as writer:
        for batch in reader:
            evaluation.add(pa.Table.from_batches([batch], reader.schema))
            writer.write_batch(batch)
    file.seek(0)
    return evaluation, pa.ipc.open_stream(file)


def _unwrapped(result: Any) -> tuple[Any, Callable[[Any], dg.MaterializeResult[Any]]]:
    """Return the frame that an asset returned, and what makes its result of a frame again."""
    if isinstance(result, dg.MaterializeResult):
        return result.value, lambda value: dg.MaterializeResult(
            metadata=result.metadata,
            check_results=result.check_results,
            data_version=result.data_version,
            tags=result.tags,
            value=value,
        )
    if isinstance(result, dg.Output):
        return result.value, lambda value: dg.MaterializeResult(
            metadata=result.metadata, data_version=result.data_version, tags=result.tags, value=value
        )
    return result, lambda value: dg.MaterializeResult(value=value)


def _complaint(label: str, contract: Contract, violations: Found) -> str:
    lines = "\n".join(f"- {said}" for said in _said(violations))
    return (
        f"{label} breaks its contract (version {contract.version}), and nothing of it was stored:\n{lines}\n"
        "The object that was there before still is. Correct the asset or its source; or, if the rule is what is "
        "wrong, the contract: docs/contracts.md."
    )


def _said(violations: Found) -> list[str]:
    return [f"partition {part}: {each}" if part else str(each) for part, each in violations]


def _tables(violations: Found) -> dict[str, Any]:
    """Return the broken rules and the first rows that break them, as tables for the UI."""
    rules = [
        {
            "partition": part,
            "column": each.column,
            "rule": each.rule,
            "bad rows": each.rows or 0,
            "found": each.found,
        }
        for part, each in violations
    ]
    rows = [
        {
            "partition": part,
            "column": each.column,
            "rule": each.rule,
            "row": bad.number,
            "key": bad.key,
            "value": bad.value,
        }
        for part, each in violations
        for bad in each.first
    ][:MOST_ROWS]
    tables = {"broken": _table(rules)}
    return {**tables, "first_bad_rows": _table(rows)} if rows else tables


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])


def _key(function: Callable[..., Any], options: Mapping[str, Any]) -> dg.AssetKey:
    if options.get("key") is not None:
        return dg.AssetKey.from_coercible(options["key"])
    prefix = options.get("key_prefix") or []
    return dg.AssetKey(
        [*([prefix] if isinstance(prefix, str) else prefix), options.get("name") or function.__name__]
    )


def _identity(
    contract: Contract, key: dg.AssetKey, function: Callable[..., Any], options: Mapping[str, Any]
) -> Published:
    partitioned = options.get("partitions_def") is not None
    if partitioned and (contract.minimum_rows, contract.maximum_rows) != (None, None):
        raise DeclarationError(
            f"asset {key.to_user_string()}: a contract can't bound the rows of a partitioned asset; write a check"
        )
    divided = (options.get("metadata") or {}).get(PARTITION_BY) if partitioned else None
    columns = (
        [divided] if isinstance(divided, str) else [column for _, column in sorted((divided or {}).items())]
    )
    stem = asset_place("", key, None).stem
    purpose = (options.get("description") or function.__doc__ or "").strip().split("\n\n", 1)[0]
    return Published(
        asset=key.to_user_string(),
        domain=function.__module__.partition(".")[0],
        contract=contract,
        path=f"{stem}/<partition>{PARQUET}" if partitioned else f"{stem}{PARQUET}",
        purpose=" ".join(purpose.split()),
        owners=tuple(options.get("owners") or ()),
        partitioned_by=tuple(columns),
    )
