"""What the tests' databases hold: the demo history, or tables without rows."""

from datetime import date

from orders.demo.history import History
from slipway.testing.postgres import Database

DEMO = History(orders=4000, seed=11, until=date(2026, 1, 25))
"""Short and dense: every day has some 160 orders, and every fault occurs."""


def make_tables(source: Database, orders: str = "orders") -> None:
    source.run(
        "CREATE TABLE customers (customer_id int, country varchar(2))",
        "CREATE TABLE order_lines (order_id int, quantity smallint, unit_price double precision)",
        f"CREATE TABLE {orders} (row_id int, order_id int, customer_id int, ordered_at timestamptz, "
        "received_at timestamptz, status varchar(20), currency char(3), amount text)",
    )
