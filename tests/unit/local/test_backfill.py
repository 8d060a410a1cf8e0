"""Which assets and partitions a backfill takes, and what is said of mistakes."""

import dataclasses
from datetime import date, timedelta

import pytest

from slipway.local.backfill import plan
from slipway.local.backfill.assets import Asset
from slipway.local.backfill.following import Pace, duration
from slipway.local.backfill.launches import AssetProgress, Progress
from slipway.local.backfill.selection import select
from slipway.local.errors import LocalPlatformError

DAYS = tuple(str(date(2026, 1, 1) + timedelta(day)) for day in range(90))
DAILY = "Daily, starting 2026-01-01 UTC."


def daily(name: str, *parents: str, **more: object) -> Asset:
    made = Asset(name, "orders", group="order_system", parents=parents, definition=DAILY, partitions=DAYS)
    return dataclasses.replace(made, **more)


ORDERS = daily("daily_orders", per_run=None, kinds=frozenset({"parquet"}))
SPEND = daily("spend", "daily_orders", per_run=None)
TOTAL = Asset("report/total", "orders", parents=("spend",))
MONTHS = Asset(
    "months", "sales", definition="Monthly.", partitions=("2026-01-01", "2026-02-01", "2026-03-01")
)
ASSETS = [ORDERS, SPEND, TOTAL, MONTHS]


def names(assets: list[Asset]) -> list[str]:
    return [asset.name for asset in assets]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["daily_orders"], ["daily_orders"]),
        (["daily_orders+"], ["daily_orders", "spend", "report/total"]),
        (["daily_orders+1"], ["daily_orders", "spend"]),
        (["+report/total"], ["daily_orders", "spend", "report/total"]),
        (["spend, months"], None),
        (["spend", "report/total"], ["spend", "report/total"]),
        (["group:order_system"], ["daily_orders", "spend"]),
        (["kind:parquet"], ["daily_orders"]),
    ],
)
def test_assets_are_selected_as_in_the_ui(words: list[str], expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(LocalPlatformError, match="assets of orders and sales"):
            select(ASSETS, words)
    else:
        assert names(select(ASSETS, words)) == expected


@pytest.mark.parametrize(
    ("word", "location", "complaint"),
    [
        ("daily_order", None, "selects no asset. Near: daily_orders"),
        ("+dayly_orders+", None, "Near: daily_orders"),
        ("group:order_systems", None, "Near: order_system"),
        ("months", "orders", "'months' selects no asset of orders"),
        ("a b", None, "'a b' is no selection"),
        ("months", "sails", "No code location 'sails'"),
    ],
)
def test_a_selection_of_nothing_names_what_is_near(word: str, location: str | None, complaint: str) -> None:
    with pytest.raises(LocalPlatformError, match=complaint):
        select(ASSETS, [word], location)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-03-01", "2026-03-31", DAYS[59:90]),
        ("2026-02-27", "2026-02-27", DAYS[57:58]),
        ("2026-03", None, DAYS[59:]),
        (None, "2026-01", DAYS[:31]),
        (None, None, DAYS),
    ],
)
def test_both_bounds_are_included_and_may_be_a_beginning(first, last, expected) -> None:
    (target,) = plan.in_range([ORDERS], first, last)
    assert target.keys == expected


@pytest.mark.parametrize(
    ("first", "last", "complaint"),
    [
        (
            "2025-12-31",
            "2026-01-05",
            "'2025-12-31'.*\n.*daily_orders: the first is 2026-01-01, the last 2026-03-31",
        ),
        ("2026-03-30", "2026-04-01", "'2026-04-01'"),
        ("2026-02-30", None, "'2026-02-30'"),
        ("2026-02-02", "2026-02-01", "--from is after --to"),
    ],
)
def test_a_bound_that_is_no_partition_says_which_there_are(first, last, complaint) -> None:
    with pytest.raises(LocalPlatformError, match=complaint):
        plan.in_range([ORDERS, TOTAL], first, last)


def test_partitions_of_two_dimensions_are_refused() -> None:
    grid = Asset("grid", "orders", definition="Multi-partitioned, with dimensions: Color, Day")
    for bounds in ((None, None), ("2026-01-01", None)):
        with pytest.raises(LocalPlatformError, match="grid: none that can be chosen here"):
            plan.in_range([grid], *bounds)
    assert plan.missing(plan.since([grid], None), once=False) == []


def test_a_range_of_an_asset_without_partitions_is_refused() -> None:
    with pytest.raises(LocalPlatformError, match="report/total has no partitions"):
        plan.in_range([TOTAL], "2026-01-01", None)


def test_days_and_months_are_taken_by_the_same_bounds() -> None:
    hours = tuple(f"{day}-{hour:02d}:00" for day in DAYS[:3] for hour in range(24))
    hourly = Asset("hours", "orders", definition="Hourly.", partitions=hours)
    found = plan.in_range([ORDERS, MONTHS, hourly], "2026-01-02", "2026-02-01")
    assert [(at.asset.name, at.keys[0], at.keys[-1]) for at in found] == [
        ("daily_orders", "2026-01-02", "2026-02-01"),
        ("months", "2026-02-01", "2026-02-01"),
        ("hours", "2026-01-02-00:00", "2026-01-03-23:00"),
    ]


def test_missing_is_what_was_never_made_or_failed_and_nobody_is_at() -> None:
    holes = dataclasses.replace(
        ORDERS,
        materialized=frozenset(DAYS) - set(DAYS[3:8]),
        failed=frozenset(DAYS[20:21]),
        at_work=frozenset(DAYS[4:5]),
    )
    (target,) = plan.missing(plan.in_range([holes], None, None), {("daily_orders", DAYS[7])})
    assert target.ranges == [(DAYS[3], DAYS[3]), (DAYS[5], DAYS[6]), (DAYS[20], DAYS[20])]


def test_what_has_no_partitions_is_missing_when_something_below_it_is() -> None:
    full = dataclasses.replace(SPEND, materialized=frozenset(DAYS))
    hole = dataclasses.replace(SPEND, materialized=frozenset(DAYS[1:]))
    made = dataclasses.replace(TOTAL, materialized=frozenset({"report/total"}))
    assert plan.missing(plan.in_range([full, made], None, None)) == []
    assert names([at.asset for at in plan.missing(plan.in_range([full, TOTAL], None, None))]) == [
        "report/total"
    ]
    assert names([at.asset for at in plan.missing(plan.in_range([hole, made], None, None))]) == [
        "spend",
        "report/total",
    ]
    assert names([at.asset for at in plan.missing(plan.in_range([hole, made], None, None), once=False)]) == [
        "spend"
    ]


def test_runs_are_counted_by_backfill_policy() -> None:
    chunked = [daily("a", per_run=30), daily("b", "a", per_run=30)]
    assert [runs for _, runs in plan.runs(plan.in_range(chunked, None, None))] == [3]
    assert [runs for _, runs in plan.runs(plan.in_range([ORDERS, SPEND, TOTAL], None, None))] == [1, 1]
    assert [runs for _, runs in plan.runs(plan.in_range([daily("each")], "2026-01", "2026-01"))] == [31]
    holes = plan.Target(daily("a", per_run=2), (*DAYS[:3], *DAYS[10:12]))
    assert plan.runs([holes])[0][1] == 3
    assert plan.runs([dataclasses.replace(holes, asset=ORDERS)])[0][1] == 2


def test_the_time_left_is_told_from_the_pace() -> None:
    def progress(done: int) -> Progress:
        assets = (AssetProgress("daily_orders", 100, done, 0, 10),)
        return Progress("id", "REQUESTED", assets, {}, 0.0, None, None)

    pace = Pace()
    assert pace.text(progress(10), 0.0) == ""
    assert pace.text(progress(10), 30.0) == ""
    assert pace.text(progress(40), 60.0) == "30 partitions a minute, about 2 min 00 s left"
    assert [duration(seconds) for seconds in (7.4, 61, 7260)] == ["7 s", "1 min 01 s", "2 h 01 min"]
