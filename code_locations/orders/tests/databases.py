"""The databases that tests work on, and the demo history that they hold."""

import socket
from dataclasses import dataclass
from datetime import date

import psycopg

from orders.demo.history import History

DEMO = History(orders=4000, seed=11, until=date(2026, 1, 25))
"""Short and dense: every day has some 160 orders, and every fault occurs."""


@dataclass(frozen=True)
class Database:
    url: str

    def rows(self, query: str, parameters: dict | None = None) -> list[tuple]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(query, parameters).fetchall()

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


def make_tables(source: Database, orders: str = "orders") -> None:
    source.run(
        "CREATE TABLE customers (customer_id int, country varchar(2))",
        "CREATE TABLE order_lines (order_id int, quantity smallint, unit_price double precision)",
        f"CREATE TABLE {orders} (row_id int, order_id int, customer_id int, ordered_at timestamptz, "
        "received_at timestamptz, status varchar(20), currency char(3), amount text)",
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
