"""What the checks say: of the demo, of a source that loses rows, of reports that do not add up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pipelines import Pipeline

from orders.defs.order_system import columns, feed, revenue, verdicts
from orders.defs.order_system.merging import merge
from orders.demo.history import History
from orders.schema import ORDERS, arrow_schema
from orders.seasons import black_friday, is_special
from slipway.quality import row_count_anomaly
from slipway.resources import PostgresResource
from slipway.testing.postgres import Database

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
FIRST = date(2026, 1, 1)


class LossySource(PostgresResource):
    """A source of which the last row of every table that is read gets lost, but not of what it is measured by."""

    def read_table(self, query: Any, params: Any = None) -> pa.Table:
        table = super().read_table(query, params)
        return table if "part" in table.column_names else table.slice(0, table.num_rows - 1)


def failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    found = result.get_asset_check_evaluations()
    return {f"{each.asset_key.to_user_string()}:{each.check_name}": each for each in found if not each.passed}


def test_rows_that_got_lost_on_the_way_stop_what_is_downstream(demo: Database, tmp_path: Path) -> None:
    pipeline = Pipeline(demo, tmp_path, source=LossySource(url=demo.url))
    result = pipeline.run("2026-01-08", "2026-01-12", fails=True)
    found = failed(result)
    assert set(found) >= {"bronze_orders:matches_source", "daily_orders:matches_source"}
    bronze = found["bronze_orders:matches_source"]
    assert (bronze.severity, bronze.blocking) == (ERROR, True)
    assert bronze.description.startswith("bronze_orders and table orders differ in 1 of 5 parts: 2026-01-12.")
    steps = {event.step_key for event in result.all_events if event.is_step_start}
    assert {"bronze_orders", "daily_orders", "cleaned_orders"} <= steps
    assert not steps & {"silver_orders", "daily_revenue_partitioned"}
    assert not (tmp_path / "silver_orders.parquet").exists()


def counts_of(orders: int, until: date, column: str) -> dict[date, int]:
    table = pa.concat_tables(piece.orders for piece in History(orders, 11, until).pieces())
    days = pc.cast(pc.floor_temporal(table[column], unit="day"), pa.date32())
    found = {pair["values"]: pair["counts"] for pair in pc.value_counts(days).to_pylist()}
    return {
        day: found.get(day, 0) for day in (FIRST + timedelta(days=n) for n in range((until - FIRST).days + 1))
    }


@pytest.mark.parametrize("column", ["received_at", "ordered_at"])
@pytest.mark.parametrize("orders", [1000, 60_000])
def test_the_demo_is_normal_over_sales_and_holidays_and_a_drop_is_not(orders: int, column: str) -> None:
    counts = counts_of(orders, date(2027, 1, 15), column)
    assert row_count_anomaly("rows", counts, {}, verdicts.ALLOWANCE).passed
    if orders == 60_000:
        for day, share, severity in ((date(2026, 3, 4), 0.4, WARN), (date(2026, 12, 30), 0.05, ERROR)):
            result = row_count_anomaly(
                "rows", {**counts, day: int(counts[day] * share)}, {}, verdicts.ALLOWANCE
            )
            assert (result.passed, result.severity) == (False, severity)
            assert result.metadata["bad_partitions"].value == [day.isoformat()]


def test_special_days() -> None:
    assert [black_friday(year) for year in (2025, 2026, 2027)] == [
        date(2025, 11, 28),
        date(2026, 11, 27),
        date(2027, 11, 26),
    ]
    special = {FIRST + timedelta(days=n) for n in range(365) if is_special(FIRST + timedelta(days=n))}
    assert len(special) == 5 + 4
    assert {date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 24), FIRST} < special


def clean_orders(*statuses: str | None) -> pa.Table:
    rows = [
        {
            "order_id": n,
            "day": date(2026, 3, 1 + n % 2),
            "status": status,
            "amount_eur": Decimal("10.00") + n,
            "customer_id": n % 3,
        }
        for n, status in enumerate(statuses)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(columns.CLEANED))


MANY = clean_orders("completed", "returned", "cancelled", None, "shipped", "completed", "returned")


def shifted(table: pa.Table, column: str) -> pa.Table:
    """Return `table` with one cent too much in the first row."""
    values = table.column(column).to_pylist()
    changed = pa.array([values[0] + Decimal("0.01"), *values[1:]], table.schema.field(column).type)
    return table.set_column(table.schema.get_field_index(column), column, changed)


def test_revenue_adds_up_to_the_cent() -> None:
    sums = revenue.daily_revenue(MANY)
    (right,) = verdicts.of_revenue(sums, MANY)
    assert right.passed
    assert right.metadata["totals"].value == {"orders": "7", "returned": "27.00", "sold": "52.00"}
    for column in ("revenue_eur", "returned_eur"):
        (wrong,) = verdicts.of_revenue(shifted(sums, column), MANY)
        assert (wrong.passed, wrong.severity) == (False, ERROR)
    assert not verdicts.of_revenue(sums, MANY.slice(1))[0].passed


def test_spend_adds_up_day_by_day() -> None:
    spend = revenue.customer_spend(MANY)
    assert verdicts.of_spend(spend, MANY)[0].passed
    (wrong,) = verdicts.of_spend(shifted(spend, "spend_eur"), MANY)
    assert wrong.metadata["bad_partitions"].value == ["2026-03-01"]


def delivered(*rows: tuple[int, int, int]) -> pa.Table:
    """Rows of (row_id, order_id, day of arrival in March)."""
    moments = [datetime(2026, 3, day, tzinfo=UTC) for *_, day in rows]
    records = [
        {
            "row_id": row,
            "order_id": order,
            "ordered_at": moment,
            "received_at": moment,
            "currency": "EUR",
            "amount": "1",
        }
        for (row, order, _), moment in zip(rows, moments, strict=True)
    ]
    return pa.Table.from_pylist(records, schema=arrow_schema(ORDERS.columns))


def of_silver(
    stored: pa.Table, read: pa.Table, table: pa.Table | None = None
) -> dict[str, dg.AssetCheckResult]:
    merged = merge(stored, read, ["2026-03-03"])
    if table is not None:
        merged = replace(merged, table=table)
    plan = verdicts.Plan(["2026-03-03"])
    return {each.check_name: each for each in verdicts.of_silver(plan, stored, read, merged)}


def test_silver_holds_what_was_read() -> None:
    stored = merge(arrow_schema(columns.CLEANED).empty_table(), delivered((1, 7, 1), (2, 8, 2)), []).table
    read = delivered((3, 9, 3), (4, 7, 3))
    assert of_silver(stored, read)["holds_what_was_read"].passed
    whole = merge(stored, read, []).table
    for lost in (7, 8, 9):
        wrong = whole.filter(pc.not_equal(whole["order_id"], lost))
        result = of_silver(stored, read, wrong)["holds_what_was_read"]
        assert (result.passed, result.severity) == (False, ERROR), lost


def batches(*rows: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    schema = arrow_schema(tuple(each for each in ORDERS.columns if each.name in feed.COLUMNS))
    for row in rows:
        yield pa.RecordBatch.from_pylist([row], schema=schema)
        yield pa.RecordBatch.from_pylist([], schema=schema)


def seen(*rows: dict[str, Any], source_rows: int | None = None) -> dict[str, dg.AssetCheckResult]:
    found = feed.Seen()
    for batch in batches(*rows):
        found.add(batch)
    ids = sum(row["row_id"] or 0 for row in rows)
    expected = {"all": {"rows": len(rows) if source_rows is None else source_rows, "row_ids": ids}}
    return {each.check_name: each for each in found.verdicts(expected, lambda: expected)}


def row(row_id: int | None, *, hours: int = 1) -> dict[str, Any]:
    placed = datetime(2026, 3, 1, tzinfo=UTC)
    return {
        "row_id": row_id,
        "order_id": 1,
        "ordered_at": placed,
        "received_at": placed + timedelta(hours=hours),
    }


def test_the_feed_is_judged_over_all_batches() -> None:
    assert all(each.passed for each in seen(row(1), row(2), row(5)).values())
    assert all(each.passed for each in seen().values())
    twice = seen(row(1), row(2), row(2), row(3))
    assert [name for name, each in twice.items() if not each.passed] == ["row_ids_unique"]
    early = seen(row(1, hours=-1))["times_in_order"]
    assert (early.passed, early.severity) == (False, WARN)
    without = seen(row(1), row(None))
    assert not without["keys_present"].passed
    assert "row_id" in without["keys_present"].description
    assert not seen(row(1), source_rows=2)["matches_source"].passed


@pytest.mark.parametrize(
    ("outcomes", "none"),
    [
        ([], True),
        ([(True, ERROR)], True),
        ([(False, WARN), (True, ERROR)], True),
        ([(True, WARN), (False, ERROR)], False),
    ],
)
def test_a_warning_is_no_error(outcomes: list[tuple[bool, dg.AssetCheckSeverity]], none: bool) -> None:
    results = [dg.AssetCheckResult(passed=passed, severity=severity) for passed, severity in outcomes]
    assert verdicts.none_is_error(results) is none
