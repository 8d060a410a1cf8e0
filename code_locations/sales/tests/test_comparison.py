"""The shops beside the order system, and when the two are compared."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import dagster as dg
import pyarrow as pa
import pytest

from sales.columns import MONEY, TOTALS
from sales.defs.comparison import sales_vs_orders, sales_vs_orders_sensor
from sales.defs.files.assets import total_by_country
from slipway.columns import arrow_schema
from slipway.contracts import UnmetExpectationError


class Automation:
    """The asset's condition, tick by tick, over an instance where other assets are made."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None

        @dg.asset
        def daily_revenue() -> None: ...

        @dg.asset
        def sales() -> None: ...

        # The order system's asset as the daemon sees it: of another location, and one that can be made.
        self.defs = dg.Definitions([daily_revenue, sales, total_by_country, sales_vs_orders])

    def made(self, *assets: str) -> None:
        for asset in assets:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(asset))

    def tick(self) -> int:
        found = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = found.cursor
        if found.total_requested:
            self.made("sales_vs_orders")
        return found.total_requested


@pytest.fixture
def automation() -> Iterator[Automation]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Automation(instance)


def test_both_new_is_one_run_and_one_alone_is_none(automation: Automation) -> None:
    automation.made("daily_revenue", "total_by_country", "sales_vs_orders")
    ticks = [automation.tick()]
    for asset in ("daily_revenue", "daily_revenue", "total_by_country"):
        automation.made(asset)
        ticks.append(automation.tick())
    ticks.append(automation.tick())
    automation.made("total_by_country", "daily_revenue")
    ticks += [automation.tick(), automation.tick()]
    automation.made("total_by_country")
    ticks.append(automation.tick())
    assert ticks == [0, 0, 0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "order", [("daily_revenue", "total_by_country"), ("total_by_country", "daily_revenue")]
)
def test_the_first_time_needs_both_whenever_they_came(automation: Automation, order: tuple[str, ...]) -> None:
    ticks = [automation.tick()]
    for asset in order:
        automation.made(asset)
        ticks.append(automation.tick())
    ticks.append(automation.tick())
    assert ticks == [0, 0, 1, 0]


def test_what_both_locations_made_before_the_first_tick_counts(automation: Automation) -> None:
    automation.made("daily_revenue", "total_by_country")
    assert [automation.tick(), automation.tick()] == [1, 0]


def test_what_is_new_while_a_run_ends_is_not_lost(automation: Automation) -> None:
    automation.made("daily_revenue", "total_by_country", "sales_vs_orders")
    automation.tick()
    automation.made("daily_revenue")
    automation.tick()
    automation.made("sales_vs_orders")
    automation.tick()
    automation.made("total_by_country")
    assert automation.tick() == 1


def test_the_sensor_is_on() -> None:
    assert sales_vs_orders_sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_revenue_of_the_same_days_stands_beside_the_sales() -> None:
    days = [date(2026, 1, day) for day in (1, 2, 3)]
    revenue = pa.table({"day": days, "revenue_eur": pa.array([Decimal(10), Decimal(20), Decimal(40)], MONEY)})
    totals = pa.Table.from_pylist(
        [
            {
                "country": "DE",
                "sales": 2,
                "total_eur": Decimal("25.50"),
                "first_day": days[0],
                "last_day": days[1],
            },
            {
                "country": "FR",
                "sales": 1,
                "total_eur": Decimal(1),
                "first_day": date(2025, 1, 1),
                "last_day": date(2025, 1, 2),
            },
        ],
        schema=arrow_schema(TOTALS),
    )
    found = sales_vs_orders(totals, revenue).to_pylist()
    assert [tuple(row.values())[3:] for row in found] == [
        (Decimal("25.50"), Decimal(30), Decimal("-4.50")),
        (Decimal(1), Decimal(0), Decimal(1)),
    ]


def test_no_sales_are_no_rows() -> None:
    revenue = pa.table({"day": pa.array([], pa.date32()), "revenue_eur": pa.array([], MONEY)})
    assert sales_vs_orders(arrow_schema(TOTALS).empty_table(), revenue).num_rows == 0


def test_a_revenue_that_is_not_what_is_relied_on_is_refused() -> None:
    day = date(2026, 1, 1)
    twice = pa.table({"day": [day, day], "revenue_eur": pa.array([Decimal(10), Decimal(20)], MONEY)})
    with pytest.raises(UnmetExpectationError, match="unique"):
        sales_vs_orders(arrow_schema(TOTALS).empty_table(), twice)
