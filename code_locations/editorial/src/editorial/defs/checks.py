"""Verdicts on the raw tables and on `stg_unified_impressions`.

The two on `stg_unified_impressions` are blocking: where one fails, nothing is made of the table in that run, and
reports stay what they were. dbt's own tests are checks, too, and stand with the models. Does not belong here: what is
rejected while reading (`publishers/`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from editorial.counts import rows_of_tables, rows_per_file
from editorial.defs.ingestion import key_of
from editorial.ledger import loaded_files, rejected_lines
from editorial.publishers import ALL, Publisher
from slipway.environment import Environment
from slipway.quality import Allowance, newest_count_anomaly
from slipway.resources import PostgresResource

UNIFIED = dg.AssetKey("stg_unified_impressions")

BUDGET = {
    # A laptop's downloads lie there for as long as somebody works with them.
    Environment.LOCAL: timedelta(days=365),
    Environment.KIND: timedelta(days=365),
    # One delivery may be missed, and a weekend pass.
    Environment.DEV: timedelta(days=4),
    # Deliveries are daily, and may be half a day late.
    Environment.PROD: timedelta(hours=36),
}
"""How long ago, by environment, the newest file of each publisher may have landed."""

LOADS = Allowance(collapse=0.2, more=False)
"""Less than half of what was usual in the last 14 loads is a warning, less than a fifth stops what is downstream; more is
a good day. Before seven loads there is no verdict. What stays so is usual once it was so seven times."""

_STATE = """
SELECT publisher, count(*) AS rows, max(landed_at) AS landed_at
FROM staging.stg_unified_impressions GROUP BY publisher
"""


def gates(environment: Environment) -> list[dg.AssetChecksDefinition]:
    """Return the checks that decide whether anything is made of `stg_unified_impressions`."""
    budget = BUDGET[environment]

    @dg.asset_check(asset=UNIFIED, name="row_count", blocking=True)
    def row_count(context: dg.AssetCheckExecutionContext, warehouse: PostgresResource) -> dg.AssetCheckResult:
        """Every publisher has impressions, and about as many as usual.

        One that has dropped out, or brings a part only, must not look like a day without readers.
        Compared are each publisher's rows in the table with those of the tables before, and the rows per file of
        its last load with those of the loads before, as `LOADS` says.
        """
        counts = {name: int(row["rows"]) for name, row in _state(warehouse).items()}
        missing = [publisher.name for publisher in ALL if not counts.get(publisher.name)]
        metadata = {publisher.name: counts.get(publisher.name, 0) for publisher in ALL}
        if missing:
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR,
                description=f"No impressions of {', '.join(missing)}: see the metadata of the raw assets",
                metadata=metadata,
            )
        usual = newest_count_anomaly("row_count", _history(context.instance, counts), LOADS)
        return usual._replace(metadata={**usual.metadata, **metadata})

    @dg.asset_check(asset=UNIFIED, name="freshness", blocking=True)
    def freshness(warehouse: PostgresResource) -> dg.AssetCheckResult:
        """The newest file of every publisher landed within the environment's budget, `BUDGET`."""
        now = datetime.now(UTC)
        state = _state(warehouse)
        ages = {name: now - row["landed_at"] for name, row in state.items()}
        late = [f"{name} ({age.total_seconds() / 3600:.1f} h)" for name, age in ages.items() if age > budget]
        absent = [publisher.name for publisher in ALL if publisher.name not in ages]
        return dg.AssetCheckResult(
            passed=not late and not absent,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"Nothing has landed within {budget.total_seconds() / 3600:g} h from {', '.join(late + absent)}"
            if late or absent
            else None,
            metadata={
                "budget_hours": budget.total_seconds() / 3600,
                **{f"{name}_hours": round(age.total_seconds() / 3600, 2) for name, age in ages.items()},
            },
        )

    return [row_count, freshness]


def _history(instance: dg.DagsterInstance, counts: Mapping[str, int]) -> dict[str, list[int]]:
    """Return what each publisher's rows are compared with, in their order, the newest last."""
    # The newest of them is the table that is judged.
    *tables, _ = rows_of_tables(instance, UNIFIED, LOADS.days + 1) or [{}]
    found: dict[str, list[int]] = {}
    for publisher in ALL:
        name, loads = publisher.name, rows_per_file(instance, key_of(publisher.tables[0]), LOADS.days + 1)
        found[name] = [*(table.get(name, 0) for table in tables), counts[name]]
        found[f"each new file of {name}"] = loads
    return found


def _state(warehouse: PostgresResource) -> dict[str, dict[str, Any]]:
    rows = warehouse.read(_STATE).read_all().to_pylist()
    return {row["publisher"]: row for row in sorted(rows, key=lambda row: str(row["publisher"]))}


def _files_check(publisher: Publisher) -> dg.AssetChecksDefinition:
    key = key_of(publisher.tables[0])

    @dg.asset_check(asset=key, name="files_taken")
    def files_taken(warehouse: PostgresResource) -> dg.AssetCheckResult:
        """Every line of every file was taken.

        A warning where lines were rejected, which real dumps always have; an error where a file could not be read
        at all. Neither stops what comes after: the rest is right. The lines are in `raw.rejected_lines`.
        """
        files = loaded_files(warehouse, publisher)
        refused = [f"{file['name']}: {file['refused']}" for file in files if file["refused"]]
        rejected = sum(file["rejected"] for file in files)
        return dg.AssetCheckResult(
            passed=not refused and not rejected,
            severity=dg.AssetCheckSeverity.ERROR if refused else dg.AssetCheckSeverity.WARN,
            description="; ".join(refused) or (f"{rejected} lines were rejected" if rejected else None),
            metadata={
                "files": len(files),
                "rows": sum(file["rows"] for file in files),
                "rejected": rejected,
                "first": dg.MetadataValue.table(
                    [dg.TableRecord(row) for row in rejected_lines(warehouse, publisher)],
                    dg.TableSchema(
                        [dg.TableColumn(name) for name in ("name", "source_row", "reason", "text")]
                    ),
                ),
            },
        )

    return files_taken


files_checks: list[dg.AssetChecksDefinition] = [_files_check(publisher) for publisher in ALL]
