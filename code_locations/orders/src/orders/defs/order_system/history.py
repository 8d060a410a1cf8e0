"""The assets by day of arrival: what was received, kept as it was, and the orders made of it.

Unlike the source, which may forget or overwrite, bronze keeps what a day brought; silver can be made
again from it without the source. Does not belong here: how rows are cleaned and merged.
"""

from datetime import timedelta
from functools import partial

import dagster as dg
import pyarrow as pa
from pydantic import Field

from orders.defs.order_system import columns, contracts, quality, queries, verdicts, watermark
from orders.defs.order_system.assets import GROUP, OWNERS, SOURCE_POOL, TABLE
from orders.defs.order_system.merging import Merged, merge
from orders.partitions import daily, one_run
from orders.schema import ORDERS, arrow_schema, required
from slipway.contracts import published
from slipway.resources import PostgresResource
from slipway.retries import retried
from slipway.storage import ParquetIOManager


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "parquet", "bronze"},
    tags={"layer": "bronze"},
    pool=SOURCE_POOL,
    backfill_policy=one_run,
    partitions_def=daily,
    metadata={
        "dagster/column_schema": columns.table_schema(columns.DELIVERED),
        "slipway/partition_by": "received_at",
    },
    dagster_type=TABLE,
    check_specs=verdicts.BRONZE,
)
@retried
def bronze_orders(context: dg.AssetExecutionContext, source: PostgresResource) -> dg.MaterializeResult:
    """The rows of the feed that arrived on the day, as they arrived; text columns as text.

    Columns: `columns.DELIVERED`; partitioned by the UTC day of received_at; by received_at and row_id.

    Raises:
        MissingRelationError: the source lacks the table or a column of it; all are named.
    """
    source.check_columns(required(ORDERS))
    start, end = context.partition_time_window
    bounds = {"start": start, "end": end}
    ask = partial(verdicts.measures, source, queries.RECEIVED_MEASURES, bounds)
    before = ask()
    rows = source.read_table(queries.DELIVERIES_RECEIVED, bounds)
    return dg.MaterializeResult(value=rows, check_results=verdicts.of_bronze(context, rows, before, ask))


class SilverConfig(dg.Config):
    """How a run of `silver_orders` finds out what is new."""

    full_refresh: bool = Field(
        default=False, description="Make the table anew of all days that are in bronze_orders."
    )
    late_window_days: int = Field(
        default=3, ge=0, description="Days before the watermark's own that are read again each time."
    )


@published(
    contracts.SILVER_ORDERS,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet", "silver"},
    tags={"layer": "silver"},
    backfill_policy=one_run,
    deps=[bronze_orders],
    dagster_type=TABLE,
    check_specs=verdicts.SILVER,
)
@retried
def silver_orders(
    context: dg.AssetExecutionContext, config: SilverConfig, io_manager: dg.ResourceParam[ParquetIOManager]
) -> dg.MaterializeResult:
    """One row per order, of all that has ever arrived: its newest delivery, cleaned.

    Columns: `columns.CLEANED`; not partitioned; by order_id.

    Incremental, by the watermark: the newest received_at in the stored table. Read are the days of bronze_orders
    from the watermark's on, `late_window_days` days before it, and any older day that was materialized since the
    table was made; an older one is said in a warning and counted in the metadata. They are merged by
    order_id, where a delivery is newer by (received_at, row_id):

        WHEN MATCHED AND newer   THEN UPDATE, all columns
        WHEN MATCHED AND equal   THEN UPDATE: the same delivery, as bronze says it now
        WHEN MATCHED AND older   THEN keep what is stored
        WHEN NOT MATCHED         THEN INSERT
        NOT MATCHED BY SOURCE    keep: nothing is ever deleted

    So a replay gives the same table, and the same bronze gives the same bytes as a rebuild would, in
    whichever order its days were filled. The one exception is a delivery that was taken out of a day of bronze:
    its order stays as it is, is counted as gone and warned of.

    `full_refresh: true` makes the table anew of all days: after deliveries were taken out of bronze, or after
    an object of a day before the window was exchanged behind Dagster's back, which nothing here can notice. The
    same happens by itself where merging would not do: see `watermark.plan`.

    Raises:
        dagster.Failure: no partition of bronze_orders is there; not retried.
    """
    silver, bronze = context.asset_key, bronze_orders.key
    window = timedelta(days=config.late_window_days)
    until = watermark.last_event(context.instance, bronze)
    stored = pa.table({}) if config.full_refresh else io_manager.read_table(silver, allow_missing=True)
    plan = watermark.plan(context.instance, silver, bronze, stored, window)
    if plan.rebuild:
        stored = arrow_schema(columns.CLEANED).empty_table()
    delivered = io_manager.read_table(bronze, plan.days, allow_missing=True)
    if not delivered.num_columns:
        raise dg.Failure(
            "asset silver_orders: no partition of bronze_orders has been materialized yet. Materialize some, e.g. "
            f"`dg launch --assets bronze_orders --partition {daily.get_last_partition_key()}`.",
            allow_retries=False,
        )
    merged = merge(stored, delivered, plan.days)
    _report(context, plan, merged)
    results = verdicts.of_silver(plan, stored, delivered, merged)
    # A table that is wrong is nothing to merge into: without the record the next run makes it anew.
    record = watermark.record(merged.table, until) if verdicts.none_is_error(results) else {}
    return dg.MaterializeResult(
        value=merged.table, metadata={**quality.of_merging(plan, merged), **record}, check_results=results
    )


def _report(context: dg.AssetExecutionContext, plan: watermark.Plan, merged: Merged) -> None:
    if plan.rebuild:
        context.log.info("Made anew of all days of bronze_orders: %s.", plan.rebuild)
    if plan.beyond:
        context.log.warning(
            "%s days of bronze_orders before the window were materialized since the last run and are merged as "
            "well: %s.",
            len(plan.beyond),
            quality.shown(plan.beyond),
        )
    if merged.gone:
        context.log.warning(
            "%s orders stand on deliveries that bronze_orders no longer has, and were kept. To be rid of them, "
            "materialize silver_orders with full_refresh: true.",
            merged.gone,
        )
