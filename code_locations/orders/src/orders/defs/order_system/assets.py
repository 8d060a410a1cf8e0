"""The assets without partitions: the whole feed, cleaned, and its revenue.

Made anew from all of the source each time; `daily.py` does the same day by day. Does not belong here:
how rows are cleaned and summed (`cleaning.py`, `revenue.py`).
"""

import dagster as dg
import pyarrow as pa

from orders.defs.order_system import columns, contracts, feed, quality, queries, revenue, verdicts
from orders.defs.order_system.cleaning import clean, newest_per_order
from orders.partitions import one_run
from orders.schema import SOURCE, required
from slipway.contracts import published
from slipway.resources import PostgresResource
from slipway.retries import retried

OWNERS = ["team:orders"]
GROUP = "order_system"
TABLE = dg.PythonObjectDagsterType(pa.Table)
"""The type of an asset with checks of its own: Dagster takes a MaterializeResult there for one without a value."""
SOURCE_POOL = "source_db"
"""Of every step that reads the order system; pyproject.toml says how many may at a time."""
SOURCE_QUEUE = {"dagster-celery/queue": "order-system"}
"""Where a step that reads the order system waits for its pod, in jobs whose steps queue (`jobs.raw_orders_in_queue`)."""
CLEANING_POD = {
    "dagster-k8s/config": {
        "container_config": {"resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "1Gi"}}}
    }
}
"""What the step that holds the whole feed in memory asks of its pod, where it has one (`jobs.revenue_in_pods`)."""


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "parquet"},
    tags={"layer": "raw"},
    pool=SOURCE_POOL,
    op_tags=SOURCE_QUEUE,
    backfill_policy=one_run,
    metadata={"dagster/column_schema": columns.table_schema(columns.RAW)},
)
@retried
def raw_orders(context: dg.AssetExecutionContext, source: PostgresResource) -> pa.RecordBatchReader:
    """Every delivery of every order as it is in the source, with its country and the sum of its lines.

    Columns: `columns.RAW`; text columns as text. By row_id. Streamed from one snapshot of the database:
    memory does not grow with the number of orders.

    Raises:
        MissingRelationError: the source lacks a table or a column of `schema.SOURCE`; all are named.
    """
    source.check_columns(required(*SOURCE))
    # For the check that is made once all of the stream has been stored.
    context.add_output_metadata({feed.SOURCE_MEASURES: verdicts.measures(source, queries.FEED_MEASURES)})
    return source.read(queries.ALL_DELIVERIES)


@published(
    contracts.CLEANED_ORDERS,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet"},
    tags={"layer": "cleaned"},
    op_tags=CLEANING_POD,
    backfill_policy=one_run,
    dagster_type=TABLE,
    check_specs=verdicts.CLEANED,
)
def cleaned_orders(raw_orders: pa.Table) -> dg.MaterializeResult:
    """One row per order: its newest delivery, with types, UTC days and the amount in euros.

    Columns: `columns.CLEANED_WITH_LINES`; by order_id. Orders whose amount can't be read or converted are
    kept, marked in quarantine_reason, and counted in the materialization's metadata.
    """
    cleaned = clean(newest_per_order(raw_orders))
    return dg.MaterializeResult(
        value=cleaned,
        metadata=quality.of_cleaning(cleaned, raw_orders.num_rows),
        check_results=verdicts.of_cleaned(cleaned, raw_orders),
    )


@published(
    contracts.DAILY_REVENUE,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet"},
    tags={"layer": "report"},
    backfill_policy=one_run,
    ins={"cleaned_orders": dg.AssetIn(metadata={"columns": revenue.REVENUE_INPUTS})},
    dagster_type=TABLE,
    check_specs=verdicts.REVENUE,
)
def daily_revenue(cleaned_orders: pa.Table) -> dg.MaterializeResult:
    """Orders, revenue and returns of each UTC day, in euros.

    Columns: `columns.DAILY_REVENUE`; by day. What counts as revenue is in `revenue.daily_revenue`.
    """
    sums = revenue.daily_revenue(cleaned_orders)
    return dg.MaterializeResult(value=sums, check_results=verdicts.of_revenue(sums, cleaned_orders))
