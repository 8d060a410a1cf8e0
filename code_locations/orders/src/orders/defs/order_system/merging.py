"""How days of arrival are merged into the orders that are there already.

Belongs here: the MERGE itself, as a pure function on Arrow tables, and what it counts. Does not belong
here: which days are read (`watermark.py`), Dagster's contexts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system.cleaning import clean, newest_per_order

_DELIVERY = ["order_id", "received_at", "row_id"]


@dataclass(frozen=True)
class Merged:
    """The merged table, and what became of the orders that were read.

    `read` deliveries of `inserted + updated + same + older` orders. `gone` counts orders of the table whose
    delivery is no longer in the days that were read, though its day is one of them.
    """

    table: pa.Table
    read: int
    inserted: int
    updated: int
    same: int
    older: int
    gone: int


def merge(stored: pa.Table, delivered: pa.Table, days: Sequence[str]) -> Merged:
    """Merge `delivered`, all rows of bronze of `days`, into `stored`, clean orders by order_id.

    Of each order in `delivered` the newest delivery is cleaned and compared with the stored one by
    (received_at, row_id):

        WHEN MATCHED AND newer   THEN UPDATE, all columns
        WHEN MATCHED AND equal   THEN UPDATE: the same delivery, as bronze says it now
        WHEN MATCHED AND older   THEN keep what is stored
        WHEN NOT MATCHED         THEN INSERT
        NOT MATCHED BY SOURCE    keep: nothing is ever deleted

    So merging the same days again changes nothing, and the order of merges does not matter. A delivery that bronze
    no longer has stays, and is counted as `gone`: only a rebuild of all days can say what the order was
    without it.
    """
    newest = clean(newest_per_order(delivered))
    # The sort in newest_per_order is stable: of equal deliveries the first, bronze's, is taken.
    table = newest_per_order(pa.concat_tables([newest, stored.select(newest.schema.names)]))
    before = stored.select(_DELIVERY)
    pairs = newest.select(_DELIVERY).join(before, "order_id", right_suffix="_stored")
    known = pairs.filter(pc.is_valid(pairs.column("row_id_stored")))
    newer = _newer(known)
    same = pc.equal(known.column("row_id"), known.column("row_id_stored"))
    updated, equal = _count(newer), _count(same)
    return Merged(
        table=table,
        read=delivered.num_rows,
        inserted=newest.num_rows - known.num_rows,
        updated=updated,
        same=equal,
        older=known.num_rows - updated - equal,
        gone=_gone(before, delivered, days),
    )


def watermark(table: pa.Table) -> datetime | None:
    """Return the newest received_at, which is that of all deliveries ever merged; None of no orders.

    The delivery that arrived last is the newest of its order, and so never superseded.
    """
    newest: datetime | None = pc.max(table.column("received_at")).as_py()
    return newest


def fingerprint(table: pa.Table) -> str:
    """Return a text by which a table is told from what it was before or after another merge.

    Which deliveries it is made of (their number, the sum of their ids, the newest) and what they sum up to.
    """
    ids, euros = pc.sum(table.column("row_id")).as_py(), pc.sum(table.column("amount_eur")).as_py()
    return f"{table.num_rows} orders, row ids {ids}, EUR {euros}, newest {watermark(table)}"


def _newer(pairs: pa.Table) -> pa.ChunkedArray:
    later = pc.greater(pairs.column("received_at"), pairs.column("received_at_stored"))
    tied = pc.equal(pairs.column("received_at"), pairs.column("received_at_stored"))
    return pc.or_(later, pc.and_(tied, pc.greater(pairs.column("row_id"), pairs.column("row_id_stored"))))


def _gone(stored: pa.Table, delivered: pa.Table, days: Sequence[str]) -> int:
    arrived = pc.cast(
        pc.cast(pc.floor_temporal(stored.column("received_at"), unit="day"), pa.date32()), pa.string()
    )
    of_days = stored.filter(pc.is_in(arrived, value_set=pa.array(list(days), pa.string())))
    there = pc.is_in(of_days.column("row_id"), value_set=delivered.column("row_id").combine_chunks())
    return of_days.num_rows - _count(there)


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.cast(mask, pa.int64()), min_count=0).as_py())
