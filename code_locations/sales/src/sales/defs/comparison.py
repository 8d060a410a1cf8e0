"""The shops beside the order system: an asset made of another code location's.

Belongs here: what is made of assets of both, and when. Does not belong here: how the other location makes
its own; what is known of it is its asset key and the columns that are read.
"""

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from sales.columns import MONEY
from sales.defs.files.assets import OWNERS
from slipway.columns import Column, arrow_schema, table_schema
from slipway.contracts import Expectation

COMPARISON = (
    Column("country", pa.string(), "Where the shops sold, ISO 3166-1 alpha-2; unique.", nullable=False),
    Column("first_day", pa.date32(), "The earliest day with a sale in the country.", nullable=False),
    Column("last_day", pa.date32(), "The latest day with a sale in the country.", nullable=False),
    Column("sales_eur", MONEY, "What the shops of the country sold.", nullable=False),
    Column("orders_eur", MONEY, "Revenue of all orders from first_day to last_day.", nullable=False),
    Column("difference_eur", MONEY, "sales_eur less orders_eur.", nullable=False),
)

EXPECTED = Expectation(
    "daily_revenue",
    (
        Column("day", pa.date32(), "The UTC day of the orders.", nullable=False),
        Column("revenue_eur", MONEY, "Revenue of the day.", nullable=False),
    ),
    unique=(("day",),),
)
"""What is relied on of the other location's asset; its contract promises more."""

daily_revenue = dg.AssetSpec(
    "daily_revenue", description="Revenue by day, of the code location orders; read from the shared bucket."
)


def _new(asset: str) -> dg.AutomationCondition:
    # Not `any_deps_updated().allow(...)`: of two of those Dagster keeps one memory, as it leaves the selection out
    # of the cursor's key. Not `since_last_handled`: a run that began before an asset was new, and ends
    # after, would count as having handled it.
    updated = dg.AutomationCondition.asset_matches(asset, dg.AutomationCondition.newly_updated())
    return updated.since(dg.AutomationCondition.newly_requested())


BOTH_NEW = (_new("daily_revenue") & _new("total_by_country")).with_label(
    "daily_revenue and total_by_country are both new"
)
"""New since the last run that was asked for. What was made before the first tick is not seen, hence the next one."""

FIRST_TIME = (
    (dg.AutomationCondition.missing() & ~dg.AutomationCondition.any_deps_missing())
    .newly_true()
    .with_label("made for the first time")
)


@dg.asset(
    group_name="comparison",
    owners=OWNERS,
    kinds={"python", "parquet"},
    tags={"layer": "report"},
    metadata={"dagster/column_schema": table_schema(COMPARISON)},
    ins={"daily_revenue": dg.AssetIn(metadata={"columns": ["day", "revenue_eur"]})},
    automation_condition=(BOTH_NEW | FIRST_TIME) & ~dg.AutomationCondition.in_progress(),
)
def sales_vs_orders(total_by_country: pa.Table, daily_revenue: pa.Table) -> pa.Table:
    """What each country's shops sold, beside the order system's revenue of the same days.

    Columns: `COMPARISON`; by country. `daily_revenue` is read as the code location orders stored it: columns
    day and revenue_eur.

    Raises:
        slipway.storage.StorageError: daily_revenue has never been made, or lacks a column; it is named.
        slipway.contracts.ContractError: daily_revenue is not as EXPECTED.
    """
    EXPECTED.check_frame(daily_revenue)
    revenue = [_revenue(daily_revenue, first, last) for first, last in _spans(total_by_country)]
    orders = pa.array(revenue, MONEY)
    sales = total_by_country.column("total_eur").combine_chunks()
    columns = {
        **{name: total_by_country.column(name) for name in ("country", "first_day", "last_day")},
        "sales_eur": sales,
        "orders_eur": orders,
        "difference_eur": pc.subtract(sales, orders),
    }
    return pa.table(columns).cast(arrow_schema(COMPARISON))


sales_vs_orders_sensor = dg.AutomationConditionSensorDefinition(
    "sales_vs_orders_sensor",
    target=[sales_vs_orders],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes sales_vs_orders when daily_revenue (of orders) and total_by_country are both new.",
)
"""The multi-asset sensor. Not `@dg.multi_asset_sensor`, which declarative automation has superseded: there each
location would keep a cursor per asset by hand; here the daemon does, over the assets of all locations, and the
UI shows for every tick which of the two was new."""


def _spans(totals: pa.Table) -> list[tuple[object, object]]:
    return list(
        zip(totals.column("first_day").to_pylist(), totals.column("last_day").to_pylist(), strict=True)
    )


def _revenue(daily_revenue: pa.Table, first: object, last: object) -> object:
    days = daily_revenue.column("day")
    within = pc.and_(pc.greater_equal(days, first), pc.less_equal(days, last))
    return pc.sum(daily_revenue.column("revenue_eur").filter(within), min_count=0).as_py()
