"""What cleaning met with, as metadata of a materialization: the UI plots the numbers over time.

Belongs here: counts. Does not belong here: verdicts (`checks.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system.merging import Merged
from orders.defs.order_system.watermark import Plan

NAMED = 10
"""Days or rows that a message names."""


def of_cleaning(cleaned: pa.Table, deliveries: int) -> dict[str, Any]:
    """Return the numbers of orders quarantined (in total and by reason) and late, and of rows superseded."""
    return {**_counts(cleaned), "superseded_deliveries": deliveries - cleaned.num_rows}


def of_merging(plan: Plan, merged: Merged) -> dict[str, Any]:
    """Return what a run of silver read and what became of it, beside the counts of the whole table."""
    return {
        **_counts(merged.table),
        "superseded_deliveries": merged.read - merged.inserted - merged.updated,
        "mode": "rebuilt" if plan.rebuild else "merged",
        "reason": plan.rebuild or "the days from the watermark's window on",
        "days_read": len(plan.days),
        "days_before_window": list(plan.beyond),
        "deliveries_read": merged.read,
        "orders_inserted": merged.inserted,
        "orders_updated": merged.updated,
        "orders_same": merged.same,
        "orders_older": merged.older,
        "orders_gone_from_bronze": merged.gone,
    }


def shown(names: Sequence[str]) -> str:
    """Return the first NAMED of `names` for a message."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def add_per_partition(context: dg.AssetExecutionContext, cleaned: pa.Table) -> None:
    """Add the numbers of orders quarantined and late to each partition's materialization.

    `cleaned` has the columns of `columns.CLEANED`, and `day` is the partition.
    """
    parts = cleaned.select(["day", "is_late", "quarantine_reason"])
    days = pc.cast(parts.column("day"), pa.string())
    order = pc.sort_indices(days)
    parts, days = parts.take(order), days.take(order)
    sizes = {pair["values"]: pair["counts"] for pair in pc.value_counts(days).to_pylist()}
    start = 0
    for key in sorted(context.partition_keys):
        size = sizes.get(key, 0)
        context.add_asset_metadata(_counts(parts.slice(start, size)), partition_key=key)
        start += size


def _counts(cleaned: pa.Table) -> Mapping[str, Any]:
    reasons = pc.value_counts(pc.drop_null(cleaned.column("quarantine_reason"))).to_pylist()
    by_reason = {each["values"]: each["counts"] for each in reasons}
    return {
        "quarantined": sum(by_reason.values()),
        "quarantined_by_reason": dict(sorted(by_reason.items())),
        "late": pc.sum(cleaned.column("is_late"), min_count=0).as_py(),
    }
