"""Rows into the days they belong to.

Belongs here: pure functions on Arrow tables; the same result whatever comes first, and however often. Does
not belong here: storing.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.arrivals.rows import NAMES, SCHEMA
from orders.defs.order_system.cleaning import newest_per_order

# What decides between two rows that claim to be the same delivery and are not: nothing sensible, but always the same.
_TIES = [name for name in NAMES if name not in ("order_id", "received_at", "row_id")]


def merged(stored: pa.Table | None, arrived: pa.Table) -> pa.Table:
    """Return one row per order of both, the newest delivery, by order_id.

    For any order and grouping of files the result is the same rows: `newest_per_order` takes the greatest
    (received_at, row_id), and of rows that agree in both the first by all other columns.
    """
    rows = arrived if stored is None else pa.concat_tables([stored.select(NAMES).cast(SCHEMA), arrived])
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in _TIES])
    return newest_per_order(rows.take(order)).combine_chunks()


def by_day(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield each UTC day of ordered_at, as a partition's key, with its rows."""
    days = pc.strftime(pc.floor_temporal(rows.column("ordered_at"), unit="day"), format="%Y-%m-%d")
    for day in sorted(pc.unique(days).to_pylist()):
        yield day, rows.filter(pc.equal(days, day))
