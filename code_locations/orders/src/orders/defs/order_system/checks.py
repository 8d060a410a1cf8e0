"""Verdicts that are steps of their own: on the feed, which is stored as a stream, and on single columns.

Belongs here: asset checks of assets without partitions. They take their asset as a stream, a row group at a
time: a check can't ask for columns of the asset it checks, as Dagster takes no metadata for that input; the
IO manager can be asked. Does not belong here: checks of what a step has in hand (`verdicts.py`), counts that
are no verdict (`quality.py`).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system import feed, queries, verdicts
from orders.defs.order_system.assets import SOURCE_POOL, cleaned_orders, raw_orders
from slipway.resources import PostgresResource
from slipway.retries import retried
from slipway.storage import ParquetIOManager

SHOWN = 10
"""How many bad rows a check shows."""

_SHOWN_COLUMNS = ["order_id", "ordered_at", "amount", "currency"]


@dg.asset_check(asset=raw_orders, blocking=True)
def orders_not_empty(raw_orders: pa.RecordBatchReader) -> dg.AssetCheckResult:
    """The feed has at least one row; without any, nothing is made of it.

    An empty source is a broken one, and an empty report would look like days without business. Reads no
    more than the first rows.
    """
    found = any(batch.num_rows for batch in raw_orders)
    return dg.AssetCheckResult(
        passed=found,
        severity=dg.AssetCheckSeverity.ERROR,
        description=None if found else "Table orders has no rows: is ORDERS_SOURCE_URL the right database?",
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset=raw_orders.key, description=said, blocking=blocking)
        for name, (said, blocking) in feed.CHECKS.items()
    ],
    pool=SOURCE_POOL,
)
@retried
def feed_checks(
    context: dg.AssetCheckExecutionContext,
    source: PostgresResource,
    io_manager: dg.ResourceParam[ParquetIOManager],
) -> Iterator[dg.AssetCheckResult]:
    """All that is asked of the feed as it was stored: its keys and instants are streamed once."""
    seen = feed.Seen()
    for batch in io_manager.read_stream(raw_orders.key, columns=feed.COLUMNS):
        seen.add(batch)
    newest, *earlier = context.instance.fetch_materializations(raw_orders.key, limit=2).records
    ask = partial(verdicts.measures, source, queries.FEED_MEASURES)
    yield from seen.verdicts(feed.recorded_measures(newest), ask)
    yield feed.not_shrunk(newest, earlier)


@dg.asset_check(asset=cleaned_orders)
def no_negative_amounts(cleaned_orders: pa.RecordBatchReader) -> dg.AssetCheckResult:
    """No order has an amount below zero.

    A warning, and no failure: such orders are kept, and lower the revenue, until somebody has decided what
    they are. Shows how many there are and the first of them by order_id.
    """
    count, first = 0, []
    for batch in cleaned_orders:
        negative = batch.filter(pc.less(batch.column("amount"), 0))
        count += negative.num_rows
        first += negative.slice(0, SHOWN - len(first)).select(_SHOWN_COLUMNS).to_pylist()
    shown = {"first": dg.MetadataValue.table([_record(row) for row in first])} if first else {}
    return dg.AssetCheckResult(
        passed=count == 0, severity=dg.AssetCheckSeverity.WARN, metadata={"negative": count, **shown}
    )


def _record(row: dict[str, Any]) -> dg.TableRecord:
    """Return the row as Dagster's tables take it: what is no plain number becomes text."""
    return dg.TableRecord(
        {name: value if isinstance(value, int) else str(value) for name, value in row.items()}
    )
