"""The questions that the assets ask the order system.

Belongs here: SQL, made of the columns of `orders.schema`. Bounds are bound parameters `:start` and
`:end`, the end exclusive. Every query says the order of its rows, as Postgres promises none: the same
rows in the same order are the same bytes. The last three measure the source for reconciliation, in words of
their own. Does not belong here: running it.
"""

from orders.schema import MONEY, ORDERS, Column

_DELIVERED = ORDERS.select_list("o")
_MONEY = Column("", MONEY, "").sql_type

_WITH_LINES = f"""
SELECT {_DELIVERED}, CAST(c.country AS text) AS country, CAST(coalesce(l.lines, 0) AS bigint) AS lines,
       CAST(coalesce(l.lines_total, 0) AS {_MONEY}) AS lines_total
FROM orders o
LEFT JOIN customers c ON c.customer_id = o.customer_id
LEFT JOIN (
    SELECT order_id, count(*) AS lines, sum(quantity * CAST(unit_price AS {_MONEY})) AS lines_total
    FROM order_lines {{wanted}} GROUP BY order_id
) l ON l.order_id = o.order_id
"""  # noqa: S608 - made of constants; values are bound

ALL_DELIVERIES = _WITH_LINES.format(wanted="") + "ORDER BY o.row_id"
"""Every row of the feed with what the other tables say: the columns of `columns.RAW`."""

_WANTED = "WHERE order_id IN (SELECT order_id FROM wanted)"

DELIVERIES_OF_ORDERS_PLACED = f"""
WITH wanted AS (SELECT DISTINCT order_id FROM orders WHERE ordered_at >= :start AND ordered_at < :end)
{_WITH_LINES.format(wanted=_WANTED)}
WHERE o.order_id IN (SELECT order_id FROM wanted) ORDER BY o.row_id
"""  # noqa: S608
"""As ALL_DELIVERIES, of the orders of which at least one delivery says that they were placed within the
bounds. A correction can move an order to another day, so that all deliveries are needed to know its day."""

DELIVERIES_RECEIVED = f"""
SELECT {_DELIVERED} FROM orders o
WHERE o.received_at >= :start AND o.received_at < :end ORDER BY o.received_at, o.row_id
"""  # noqa: S608
"""The rows that arrived within the bounds, as they are: the columns of `columns.DELIVERED`."""

NEWEST_DELIVERIES = f"""
SELECT {_DELIVERED} FROM orders o ORDER BY o.received_at DESC, o.row_id DESC LIMIT :count
"""  # noqa: S608
"""The rows that arrived last, the newest first: the columns of `columns.DELIVERED`."""

_DAY = "to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
_SUM = "CAST(coalesce(sum({column}), 0) AS numeric(38, {scale}))"

FEED_MEASURES = f"""
SELECT 'all' AS part, count(*) AS rows, {_SUM.format(column="row_id", scale=0)} AS row_ids FROM orders
"""  # noqa: S608
"""How many rows the feed has, and the sum of their ids."""

RECEIVED_MEASURES = f"""
SELECT {_DAY.format(column="received_at")} AS part, count(*) AS rows,
       {_SUM.format(column="row_id", scale=0)} AS row_ids
FROM orders WHERE received_at >= :start AND received_at < :end GROUP BY 1 ORDER BY 1
"""  # noqa: S608
"""The same by day of arrival, within the bounds."""

PLACED_MEASURES = f"""
WITH newest AS (
    SELECT DISTINCT ON (order_id) order_id, ordered_at FROM orders
    WHERE order_id IN (SELECT order_id FROM orders WHERE ordered_at >= :start AND ordered_at < :end)
    ORDER BY order_id, received_at DESC, row_id DESC
), placed AS (SELECT * FROM newest WHERE ordered_at >= :start AND ordered_at < :end)
SELECT {_DAY.format(column="ordered_at")} AS part, count(DISTINCT placed.order_id) AS rows,
       {_SUM.format(column="quantity * unit_price", scale=2)} AS lines_total
FROM placed LEFT JOIN order_lines USING (order_id) GROUP BY 1 ORDER BY 1
"""  # noqa: S608
"""By day of the order, within the bounds: orders by their newest delivery, and what their lines add up to."""
