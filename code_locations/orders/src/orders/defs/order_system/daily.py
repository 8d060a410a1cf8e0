"""The assets by day of the order: what `assets.py` makes of everything, for the days of a run only.

A run over many days is one query and one frame, which the IO manager divides (`slipway/partition_by`):
a year of history takes seconds. Does not belong here: how rows are cleaned and summed.
"""

from functools import partial

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system import contracts, quality, queries, revenue, verdicts
from orders.defs.order_system.assets import GROUP, OWNERS, SOURCE_POOL, TABLE
from orders.defs.order_system.cleaning import clean, newest_per_order
from orders.partitions import daily, one_run
from orders.schema import SOURCE, required
from slipway.contracts import published
from slipway.resources import PostgresResource
from slipway.retries import retried


@published(
    contracts.DAILY_ORDERS,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "parquet"},
    tags={"layer": "cleaned"},
    pool=SOURCE_POOL,
    backfill_policy=one_run,
    partitions_def=daily,
    metadata={"slipway/partition_by": "day"},
    dagster_type=TABLE,
    check_specs=verdicts.DAILY,
)
@retried
def daily_orders(context: dg.AssetExecutionContext, source: PostgresResource) -> dg.MaterializeResult:
    """One row per order of the day: its newest delivery, cleaned as in `cleaned_orders`.

    Columns: `columns.CLEANED_WITH_LINES`; partitioned by `day`, the UTC day of ordered_at; by order_id. The
    day is that of the newest delivery: an order that a correction moved to another day is on that day
    alone, once both days have been materialized after it. So are late orders: what arrives after the
    day's run is in the day's next one.

    Raises:
        MissingRelationError: the source lacks a table or a column of `schema.SOURCE`; all are named.
    """
    source.check_columns(required(*SOURCE))
    start, end = context.partition_time_window
    ask = partial(verdicts.measures, source, queries.PLACED_MEASURES, {"start": start, "end": end})
    before = ask()
    delivered = source.read_table(queries.DELIVERIES_OF_ORDERS_PLACED, {"start": start, "end": end})
    cleaned = clean(newest_per_order(delivered))
    placed = cleaned.column("ordered_at")
    bounds = [pa.scalar(each, placed.type) for each in (start, end)]
    cleaned = cleaned.filter(pc.and_(pc.greater_equal(placed, bounds[0]), pc.less(placed, bounds[1])))
    quality.add_per_partition(context, cleaned)
    return dg.MaterializeResult(value=cleaned, check_results=verdicts.of_daily(context, cleaned, before, ask))


@published(
    contracts.CUSTOMER_SPEND,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet"},
    tags={"layer": "report"},
    backfill_policy=one_run,
    partitions_def=daily,
    metadata={"slipway/partition_by": "day"},
    ins={"daily_orders": dg.AssetIn(metadata={"columns": revenue.SPEND_INPUTS})},
    dagster_type=TABLE,
    check_specs=verdicts.SPEND,
)
def daily_revenue_partitioned(daily_orders: pa.Table) -> dg.MaterializeResult:
    """What each customer spent on the day, in euros.

    Columns: `columns.CUSTOMER_SPEND`; partitioned by `day`; by customer_id, guests last. A day's rows add up to
    that day's row of `daily_revenue`.
    """
    spend = revenue.customer_spend(daily_orders)
    return dg.MaterializeResult(value=spend, check_results=verdicts.of_spend(spend, daily_orders))
