"""A database of one's own instead of the demo: here a second platform that reads the first one's Postgres."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform

SHOP = """
CREATE TABLE customers (customer_id int PRIMARY KEY, country text);
CREATE TABLE order_lines (order_id int, quantity int, unit_price numeric);
CREATE TABLE orders (row_id int PRIMARY KEY, order_id int, customer_id int, ordered_at timestamptz,
    received_at timestamptz, status text, currency text);
INSERT INTO customers VALUES (1, 'PL');
INSERT INTO orders VALUES (1, 10, 1, '2026-01-02 10:00Z', '2026-01-02 10:01Z', 'completed', 'EUR');
INSERT INTO order_lines VALUES (10, 2, 21);
"""


@pytest.fixture
def other() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", kept=("orders",))
    made = Platform(StateFolder(folder / "state"), root)
    yield made
    made.slipway("clean", "--yes")
    shutil.rmtree(folder)


@pytest.mark.long
def test_what_the_database_lacks_is_named_and_the_next_up_completes(
    platform: Platform, other: Platform
) -> None:
    with platform.connect("postgres") as connection:
        connection.execute("CREATE DATABASE shop")
    password = platform.settings("orders")["ORDERS_SOURCE_URL"].split(":")[2].split("@")[0]
    url = f"postgresql://orders:{password}@127.0.0.1:{platform.ports.postgres}/shop"
    with platform.connect("shop") as shop:
        shop.execute(SHOP)
        shop.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO orders")
        done = other.slipway("up", ORDERS_SOURCE_URL=url)
        assert done.returncode == 1
        assert "Demo data of orders" not in done.stdout
        assert "amount" in done.stderr
        assert password not in done.stdout + done.stderr
        shop.execute("ALTER TABLE orders ADD amount numeric DEFAULT 42")
    said = other.up(ORDERS_SOURCE_URL=url)
    assert "Materializing orders" in said
    found = {asset.name: asset.rows for asset in other.web.assets()["orders"]}
    assert found["raw_orders"] == found["cleaned_orders"] == found["silver_orders"] == 1
    assert (
        not other.connect("order_entry")
        .execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        .fetchone()
    )
