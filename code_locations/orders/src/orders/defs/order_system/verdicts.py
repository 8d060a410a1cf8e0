"""Verdicts on what a step has just made, given with the asset itself.

Belongs here: the checks that are evaluated inline, their specs, and which of them block. Inline they
cost no step, hold for a run over one day or over hundreds (the bad ones are named), and what is
downstream in the run does not run after an ERROR. Does not belong here: checks that are steps of their own
(`checks.py`), the formulas (`slipway.quality`), the columns of published assets (their contracts).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system.merging import Merged, watermark
from orders.defs.order_system.watermark import Plan
from orders.seasons import is_special
from slipway.quality import (
    Allowance,
    Measures,
    all_rows,
    measured,
    not_null,
    reconciled,
    reconciled_with_source,
    recorded_row_counts,
    row_count_anomaly,
    unique,
)
from slipway.resources import PostgresResource

WARN = dg.AssetCheckSeverity.WARN
ALLOWANCE = Allowance(special=is_special)
MOST_QUARANTINED = Decimal("0.05")
"""Share of orders without an amount in euros above which the feed's form has probably changed."""

_DELIVERY = ["row_id", "order_id", "ordered_at", "received_at"]


def _specs(
    asset: str, blocking: Mapping[str, str], warning: Mapping[str, str] | None = None
) -> list[dg.AssetCheckSpec]:
    each = [(name, said, True) for name, said in blocking.items()]
    each += [(name, said, False) for name, said in (warning or {}).items()]
    return [
        dg.AssetCheckSpec(name, asset=asset, description=said, blocking=blocks) for name, said, blocks in each
    ]


_ANOMALY = (
    "The rows of each day are like those of the 14 days before (median and MAD). Otherwise a warning; a day with "
    "less than a tenth of the usual rows is an error."
)

BRONZE = _specs(
    "bronze_orders",
    {
        "matches_source": "Each day has the source's number of rows, and the ids of the rows add up to the same.",
        "row_ids_unique": "No row of the feed is there twice.",
        "keys_present": "No row is without row_id, order_id, ordered_at or received_at.",
        "row_count_anomaly": _ANOMALY,
    },
    {"times_in_order": "No order was received before it was placed."},
)
DAILY = _specs(
    "daily_orders",
    {
        "matches_source": "Each day has the source's number of orders, and their lines add up to the same.",
        "row_count_anomaly": _ANOMALY,
    },
)
CLEANED = _specs(
    "cleaned_orders",
    {"adds_up": "One row per order of raw_orders, and their lines add up to the same."},
    {"few_quarantined": "At most 5 % of the orders are without an amount in euros."},
)
REVENUE = _specs("daily_revenue", {"adds_up": "Orders and sums are those of cleaned_orders, to the cent."})
SPEND = _specs(
    "daily_revenue_partitioned",
    {"adds_up": "Orders and sums of each day are those of daily_orders, to the cent."},
)
SILVER = _specs(
    "silver_orders",
    {
        "holds_what_was_read": "Every order that was read is there, none is lost, and the watermark is the newest row's."
    },
    {
        "nothing_gone": "No order stands on a delivery that bronze_orders no longer has; else: full_refresh.",
        "nothing_before_window": "No day before the window had to be merged.",
    },
)


def measures(source: PostgresResource, query: str, bounds: Mapping[str, Any] | None = None) -> Measures:
    """Return what one of the measuring queries says, by part; whole numbers as int."""
    found = source.read_table(query, bounds).to_pylist()
    return {row.pop("part"): {name: _plain(value) for name, value in row.items()} for row in found}


def of_bronze(
    context: dg.AssetExecutionContext, rows: pa.Table, before: Measures, ask: Callable[[], Measures]
) -> list[dg.AssetCheckResult]:
    """Return the verdicts on the days of a run; `before` is what `ask` said before the rows were read."""
    days = _days(rows.column("received_at"))
    found = measured(rows, days, {"row_ids": "row_id"})
    in_order = pc.greater_equal(rows.column("received_at"), rows.column("ordered_at"))
    rule = "received_at >= ordered_at"
    return [
        reconciled_with_source(
            "matches_source", found, before, ask, between="bronze_orders and table orders"
        ),
        unique("row_ids_unique", rows, ["row_id"], parts=days),
        not_null("keys_present", rows, _DELIVERY, parts=days),
        _anomaly(context, found),
        all_rows("times_in_order", rows, in_order, rule, _DELIVERY, parts=days, severity=WARN),
    ]


def of_daily(
    context: dg.AssetExecutionContext, rows: pa.Table, before: Measures, ask: Callable[[], Measures]
) -> list[dg.AssetCheckResult]:
    """Return the verdicts on the days of a run, as `of_bronze`."""
    found = measured(rows, pc.cast(rows.column("day"), pa.string()), {"lines_total": "lines_total"})
    between = "daily_orders and the source"
    return [
        reconciled_with_source("matches_source", found, before, ask, between=between),
        _anomaly(context, found),
    ]


def of_cleaned(cleaned: pa.Table, raw: pa.Table) -> list[dg.AssetCheckResult]:
    """Return the verdicts on clean orders made of the whole feed."""
    lines = raw.group_by("order_id", use_threads=False).aggregate([("lines_total", "max")])
    expected = measured(lines, "all", {"lines_total": "lines_total_max"})
    found = measured(cleaned, "all", {"lines_total": "lines_total"})
    quarantined = pc.sum(pc.cast(pc.is_null(cleaned.column("amount_eur")), pa.int64()), min_count=0).as_py()
    share = Decimal(quarantined) / max(cleaned.num_rows, 1)
    few = dg.AssetCheckResult(
        check_name="few_quarantined",
        passed=share <= MOST_QUARANTINED,
        severity=WARN,
        description=f"{quarantined} of {cleaned.num_rows} orders are without an amount in euros.",
        metadata={"share": float(share), "most": float(MOST_QUARANTINED)},
    )
    return [reconciled("adds_up", found, expected, between="cleaned_orders and raw_orders"), few]


def of_revenue(revenue: pa.Table, cleaned: pa.Table) -> list[dg.AssetCheckResult]:
    """Return the verdict on the revenue of all days against the sum of the clean orders."""
    found = _sums_of_report(revenue, "all", "revenue_eur")
    expected = _sums_of_orders(cleaned, "all")
    return [reconciled("adds_up", found, expected, between="daily_revenue and cleaned_orders")]


def of_spend(spend: pa.Table, orders: pa.Table) -> list[dg.AssetCheckResult]:
    """Return the verdict on the customers' spend of each day against that day's orders."""
    found = _sums_of_report(spend, pc.cast(spend.column("day"), pa.string()), "spend_eur")
    expected = _sums_of_orders(orders, pc.cast(orders.column("day"), pa.string()))
    return [reconciled("adds_up", found, expected, between="daily_revenue_partitioned and daily_orders")]


def of_silver(plan: Plan, stored: pa.Table, delivered: pa.Table, merged: Merged) -> list[dg.AssetCheckResult]:
    """Return the verdicts on a merge: of `delivered` into `stored`."""
    table, read = merged.table, pc.unique(delivered.column("order_id"))
    new = pc.invert(pc.is_in(read, value_set=stored.column("order_id").combine_chunks()))
    there = pc.is_in(read, value_set=table.column("order_id").combine_chunks())
    arrived = [each for each in (watermark(stored), watermark(delivered)) if each is not None]
    found = {"orders": table.num_rows, "orders read": _count(there), "watermark": _instant(watermark(table))}
    expected = {
        "orders": stored.num_rows + _count(new),
        "orders read": len(read),
        "watermark": _instant(max(arrived, default=None)),
    }
    return [
        reconciled(
            "holds_what_was_read",
            {"all": found},
            {"all": expected},
            between="silver_orders and what was merged",
        ),
        dg.AssetCheckResult(
            check_name="nothing_gone", passed=not merged.gone, severity=WARN, metadata={"orders": merged.gone}
        ),
        dg.AssetCheckResult(
            check_name="nothing_before_window",
            passed=not plan.beyond,
            severity=WARN,
            metadata={"days": list(plan.beyond)},
        ),
    ]


def none_is_error(results: Iterable[dg.AssetCheckResult]) -> bool:
    """Whether all have passed, or warn at most."""
    return all(each.passed or each.severity is WARN for each in results)


def _sums_of_report(report: pa.Table, parts: Any, sold: str) -> Measures:
    found = measured(report, parts, {"orders": "orders", "sold": sold, "returned": "returned_eur"})
    # A row is a day or a customer: their number has no counterpart among the orders.
    return {
        part: {name: value for name, value in each.items() if name != "rows"} for part, each in found.items()
    }


def _sums_of_orders(orders: pa.Table, parts: Any) -> Measures:
    """Add the orders up without the report's code."""
    nothing = pa.scalar(Decimal(0), orders.schema.field("amount_eur").type)
    euros = pc.fill_null(orders.column("amount_eur"), nothing)
    status = pc.fill_null(orders.column("status"), "")
    unsold = pc.is_in(status, value_set=pa.array(["cancelled", "returned"]))
    sums = {
        "sold": pc.if_else(unsold, nothing, euros),
        "returned": pc.if_else(pc.equal(status, "returned"), euros, nothing),
    }
    found = measured(pa.table(sums), parts, {name: name for name in sums})
    return {
        part: {"orders": each["rows"], "sold": each["sold"], "returned": each["returned"]}
        for part, each in found.items()
    }


def _anomaly(context: dg.AssetExecutionContext, found: Measures) -> dg.AssetCheckResult:
    counts = {
        date.fromisoformat(key): int(found.get(key, {}).get("rows", 0)) for key in context.partition_keys
    }
    first = min(counts)
    earlier = [(first - timedelta(days=number)).isoformat() for number in range(1, ALLOWANCE.days + 1)]
    recorded = recorded_row_counts(context.instance, context.asset_key, earlier)
    before = {date.fromisoformat(key): rows for key, rows in recorded.items()}
    return row_count_anomaly("row_count_anomaly", counts, before, ALLOWANCE)


def _days(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the UTC day of each instant as a partition key."""
    return pc.cast(pc.cast(pc.floor_temporal(instants, unit="day"), pa.date32()), pa.string())


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value


def _count(mask: Any) -> int:
    return int(pc.sum(pc.cast(mask, pa.int64()), min_count=0).as_py())


def _instant(moment: Any) -> str:
    return "" if moment is None else moment.isoformat()
