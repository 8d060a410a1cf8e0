"""Sums over clean orders.

Belongs here: pure functions on Arrow tables; what counts as revenue is decided here and nowhere else.
Does not belong here: cleaning, reading.
"""

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system.columns import CUSTOMER_SPEND, DAILY_REVENUE
from orders.schema import MONEY, arrow_schema

REVENUE_INPUTS = ["day", "status", "amount_eur"]
"""The columns of clean orders that `daily_revenue` needs."""
SPEND_INPUTS = [*REVENUE_INPUTS, "customer_id"]
"""Those that `customer_spend` needs."""

_NOTHING = pa.scalar(Decimal(0), MONEY)


def daily_revenue(cleaned: pa.Table) -> pa.Table:
    """Return a row per day that has orders, by day, with the columns of `columns.DAILY_REVENUE`.

    Revenue is the sum of amount_eur of all orders but cancelled and returned ones; an order without a
    status counts. Negative amounts are taken as they are. Quarantined orders have no amount and are in
    no sum.
    """
    sums = _sums(
        cleaned,
        ["day"],
        returns=pc.cast(_has_status(cleaned, "returned"), pa.int64()),
        cancelled=pc.cast(_has_status(cleaned, "cancelled"), pa.int64()),
        quarantined=pc.cast(pc.is_null(cleaned.column("amount_eur")), pa.int64()),
    )
    return _as(sums.rename_columns({"sold_eur": "revenue_eur"}), DAILY_REVENUE)


def customer_spend(cleaned: pa.Table) -> pa.Table:
    """Return a row per day and customer that ordered, by both, with the columns of `columns.CUSTOMER_SPEND`.

    Guests are one row per day, the last, with a null customer_id; so the spend of a day's rows adds up to
    the day's revenue.
    """
    sums = _sums(cleaned, ["day", "customer_id"])
    return _as(sums.rename_columns({"sold_eur": "spend_eur"}), CUSTOMER_SPEND)


def _sums(cleaned: pa.Table, keys: list[str], **counted: pa.ChunkedArray) -> pa.Table:
    """Return per key: orders, sold_eur, returned_eur, and the sums of `counted`; sorted by key."""
    returned = _has_status(cleaned, "returned")
    unsold = pc.or_(returned, _has_status(cleaned, "cancelled"))
    euros = pc.fill_null(cleaned.column("amount_eur"), _NOTHING)
    values = {
        **{key: cleaned.column(key) for key in keys},
        "sold_eur": pc.if_else(unsold, _NOTHING, euros),
        "returned_eur": pc.if_else(returned, euros, _NOTHING),
        **counted,
    }
    summed = [name for name in values if name not in keys]
    # One thread: the groups come in the same order every time.
    grouped = pa.table(values).group_by(keys, use_threads=False)
    sums = grouped.aggregate([([], "count_all"), *((name, "sum") for name in summed)])
    plain = sums.rename_columns({"count_all": "orders", **{f"{name}_sum": name for name in summed}})
    return plain.sort_by([(key, "ascending") for key in keys])


def _has_status(cleaned: pa.Table, status: str) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(cleaned.column("status"), status), fill_value=False)


def _as(table: pa.Table, columns: tuple) -> pa.Table:
    schema = arrow_schema(columns)
    return table.select(schema.names).cast(schema)
