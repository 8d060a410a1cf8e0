"""The assets by day of arrival: what was received, kept as it was, and the orders made of it.

Unlike the source, which may forget or overwrite, bronze keeps what a day brought; silver can be made
again from it without the source. Does not belong here: how rows are cleaned.
"""

import dagster as dg
import pyarrow as pa

from orders.defs.order_system import columns, quality, queries
from orders.defs.order_system.assets import GROUP, OWNERS
from orders.defs.order_system.cleaning import clean, newest_per_order
from orders.partitions import daily, one_run
from orders.schema import ORDERS, required
from slipway.resources import PostgresResource


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "parquet", "bronze"},
    tags={"layer": "bronze"},
    backfill_policy=one_run,
    partitions_def=daily,
    metadata={
        "dagster/column_schema": columns.table_schema(columns.DELIVERED),
        "slipway/partition_by": "received_at",
    },
)
def bronze_orders(context: dg.AssetExecutionContext, source: PostgresResource) -> pa.Table:
    """The rows of the feed that arrived on the day, as they arrived; text columns as text.

    Columns: `columns.DELIVERED`; partitioned by the UTC day of received_at; by received_at and row_id.

    Raises:
        MissingRelationError: the source lacks the table or a column of it; all are named.
    """
    source.check_columns(required(ORDERS))
    start, end = context.partition_time_window
    return source.read_table(queries.DELIVERIES_RECEIVED, {"start": start, "end": end})


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet", "silver"},
    tags={"layer": "silver"},
    backfill_policy=one_run,
    metadata={"dagster/column_schema": columns.table_schema(columns.CLEANED)},
    ins={"bronze_orders": dg.AssetIn(metadata={"allow_missing_partitions": True})},
)
def silver_orders(context: dg.AssetExecutionContext, bronze_orders: pa.Table) -> pa.Table:
    """One row per order, of all that has ever arrived: its newest delivery, cleaned.

    Columns: `columns.CLEANED`; not partitioned; by order_id.

    Made anew of all partitions of bronze_orders that are there, days of arrival up to the last that has
    ended. Hence: an order that arrives late, or again, replaces its older self whenever it comes; an
    order whose only deliveries are in partitions that are missing is absent, and appears with the first
    run after them; the same bronze gives the same bytes, in whichever order it was filled.

    Days can also be added to an earlier result: cleaning works row by row and keeps the columns that
    decide which delivery is newest, so `newest_per_order(silver + clean(new rows))` is the same table.

    Raises:
        dagster.Failure: no partition of bronze_orders is there; not retried.
    """
    if not bronze_orders.num_columns:
        raise dg.Failure(
            "asset silver_orders: no partition of bronze_orders has been materialized yet. Materialize some, e.g. "
            f"`dg launch --assets bronze_orders --partition {daily.get_last_partition_key()}`.",
            allow_retries=False,
        )
    cleaned = clean(newest_per_order(bronze_orders))
    context.add_output_metadata(quality.of_cleaning(cleaned, bronze_orders.num_rows))
    return cleaned
