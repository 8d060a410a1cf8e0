"""Each verdict of each layer, seen failing for its own reason and for no other's: on frames, without a source."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from orders.defs.order_system import feed, verdicts
from orders.defs.order_system.merging import Merged
from orders.defs.order_system.watermark import Plan
from orders.schema import ORDERS, arrow_schema

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
DAY = date(2026, 3, 5)
Row = dict[str, Any]


class Step(SimpleNamespace):
    """What a verdict asks of the context of its step: the days, and how many rows earlier days had."""

    def __init__(self, asset: str, earlier: Sequence[int] = ()) -> None:
        key, instance = dg.AssetKey(asset), dg.DagsterInstance.ephemeral()
        for number, rows in enumerate(earlier, 1):
            day, said = (DAY - timedelta(days=number)).isoformat(), {"dagster/partition_row_count": rows}
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day, metadata=said))
        super().__init__(partition_keys=[DAY.isoformat()], instance=instance, asset_key=key)


def failures(results: Sequence[dg.AssetCheckResult]) -> dict[str, dg.AssetCheckSeverity]:
    return {str(each.check_name): each.severity for each in results if not each.passed}


def delivery(row_id: int, **changed: Any) -> Row:
    moment = datetime.combine(DAY, datetime.min.time(), UTC).replace(hour=12)
    known = {"row_id": row_id, "order_id": row_id, "ordered_at": moment, "received_at": moment}
    return {**known, "currency": "EUR", "amount": "1", **changed}


def of_bronze(rows: list[Row], *, lost: int = 0, earlier: Sequence[int] = ()) -> dict[str, Any]:
    table = pa.Table.from_pylist(rows, schema=arrow_schema(ORDERS.columns))
    ids = sum(row["row_id"] or 0 for row in rows)
    source = {DAY.isoformat(): {"rows": len(rows) + lost, "row_ids": ids}}
    return failures(verdicts.of_bronze(Step("bronze_orders", earlier), table, source, lambda: source))  # type: ignore[arg-type]


def test_bronze_is_right() -> None:
    assert of_bronze([delivery(1), delivery(2)], earlier=[2] * 14) == {}


@pytest.mark.parametrize(
    ("second", "failing"),
    [
        ({"row_id": 1}, {"row_ids_unique": ERROR}),
        ({"row_id": None}, {"keys_present": ERROR}),
        ({"order_id": None}, {"keys_present": ERROR}),
        ({"ordered_at": datetime(2026, 3, 5, 13, tzinfo=UTC)}, {"times_in_order": WARN}),
    ],
    ids=["a row twice", "no row_id", "no order_id", "received before it was placed"],
)
def test_a_row_of_bronze_that_cannot_be(second: Row, failing: dict[str, dg.AssetCheckSeverity]) -> None:
    assert of_bronze([delivery(1), delivery(2) | second]) == failing


def test_a_row_that_bronze_does_not_have() -> None:
    assert of_bronze([delivery(1)], lost=1) == {"matches_source": ERROR}


def test_a_feed_whose_rows_are_as_many_and_are_not_the_same() -> None:
    seen = feed.Seen()
    rows = pa.Table.from_pylist([delivery(1), delivery(2)], schema=arrow_schema(ORDERS.columns))
    for batch in rows.select(feed.COLUMNS).to_batches():
        seen.add(batch)
    source = {"all": {"rows": 2, "row_ids": 4}}
    assert failures(list(seen.verdicts(source, lambda: source))) == {"matches_source": ERROR}


def of_daily(rows: int, *, lines: str = "2.00", earlier: Sequence[int] = ()) -> dict[str, Any]:
    money = pa.decimal128(18, 2)
    table = pa.table(
        {
            "day": pa.array([DAY] * rows, pa.date32()),
            "lines_total": pa.array([Decimal("2.00")] * rows, money),
        }
    )
    source = {DAY.isoformat(): {"rows": rows, "lines_total": Decimal(lines) * rows}}
    return failures(verdicts.of_daily(Step("daily_orders", earlier), table, source, lambda: source))  # type: ignore[arg-type]


def test_daily_orders_against_the_source() -> None:
    assert of_daily(3) == {}
    assert of_daily(3, lines="2.01") == {"matches_source": ERROR}


@pytest.mark.parametrize(
    ("rows", "days_before", "failing"),
    [
        (100, 14, {}),
        (40, 14, {"row_count_anomaly": WARN}),
        (5, 14, {"row_count_anomaly": ERROR}),
        (5, 6, {}),
    ],
)
def test_a_day_is_compared_with_the_days_that_were_stored_before(
    rows: int, days_before: int, failing: dict[str, dg.AssetCheckSeverity]
) -> None:
    earlier = [100] * days_before
    assert of_daily(rows, earlier=earlier) == failing
    assert of_bronze([delivery(number) for number in range(1, rows + 1)], earlier=earlier) == failing


def of_cleaned(lines: Sequence[str], *, without_amount: int = 0) -> dict[str, Any]:
    """Clean orders with these sums of lines, of a feed in which two orders have 5.00 and 7.00."""
    euros = [None] * without_amount + [Decimal(1)] * (len(lines) - without_amount)
    cleaned = pa.table({"lines_total": [Decimal(each) for each in lines], "amount_eur": euros})
    feed_lines = [Decimal("5.00"), Decimal("5.00"), Decimal("7.00")]
    raw = pa.table({"order_id": [1, 1, 2], "lines_total": feed_lines})
    return failures(verdicts.of_cleaned(cleaned, raw))


def test_clean_orders_add_up_to_the_feed() -> None:
    assert of_cleaned(["5.00", "7.00"]) == {}
    assert of_cleaned(["5.00", "7.01"]) == {"adds_up": ERROR}
    assert of_cleaned(["12.00"]) == {"adds_up": ERROR}


def test_up_to_a_twentieth_may_be_quarantined() -> None:
    found = [of_cleaned(["1.00"] * 40, without_amount=number) for number in (2, 3)]
    assert ["few_quarantined" in each for each in found] == [False, True]
    assert found[1]["few_quarantined"] is WARN


@pytest.mark.parametrize(
    ("counts", "failing"),
    [([10], {}), ([10, 10], {}), ([10, 12], {}), ([12, 10], {"not_shrunk": WARN}), ([None, 10], {})],
)
def test_the_feed_only_grows(counts: list[int | None], failing: dict[str, dg.AssetCheckSeverity]) -> None:
    key, instance = dg.AssetKey("raw_orders"), dg.DagsterInstance.ephemeral()
    for rows in counts:
        said = {} if rows is None else {"dagster/row_count": rows}
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=said))
    newest, *earlier = instance.fetch_materializations(key, limit=2).records
    assert failures([feed.not_shrunk(newest, earlier)]) == failing


@pytest.mark.parametrize(
    ("gone", "beyond", "failing"),
    [
        (0, [], {}),
        (1, [], {"nothing_gone": WARN}),
        (0, ["2026-01-01"], {"nothing_before_window": WARN}),
    ],
)
def test_what_a_merge_may_meet_with(
    gone: int, beyond: list[str], failing: dict[str, dg.AssetCheckSeverity]
) -> None:
    nothing = pa.table(
        {"order_id": pa.array([], pa.int64()), "received_at": pa.array([], pa.timestamp("us"))}
    )
    merged = Merged(nothing, read=0, inserted=0, updated=0, same=0, older=0, gone=gone)
    plan = Plan(["2026-03-05"], beyond=beyond)
    assert failures(verdicts.of_silver(plan, nothing, nothing, merged)) == failing


@pytest.mark.parametrize(
    ("ids", "hour", "failing"),
    [
        ([1, 2], 12, {}),
        ([1, 3], 12, {"holds_what_was_read": ERROR}),
        ([1, 2], 11, {"holds_what_was_read": ERROR}),
    ],
    ids=["right", "another order than was read", "an older delivery than was read"],
)
def test_a_merged_table_of_the_right_length(
    ids: list[int], hour: int, failing: dict[str, dg.AssetCheckSeverity]
) -> None:
    def orders(numbers: list[int], hour: int) -> pa.Table:
        instants = pa.array(
            [datetime(2026, 3, 5, hour, tzinfo=UTC)] * len(numbers), pa.timestamp("us", "UTC")
        )
        return pa.table({"order_id": pa.array(numbers, pa.int64()), "received_at": instants})

    merged = Merged(orders(ids, hour), read=2, inserted=2, updated=0, same=0, older=0, gone=0)
    results = verdicts.of_silver(Plan(["2026-03-05"]), orders([], 1), orders([1, 2], 12), merged)
    assert failures(results) == failing
