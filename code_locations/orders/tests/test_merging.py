"""The MERGE by itself, row by row."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from orders.defs.order_system.cleaning import clean, newest_per_order
from orders.defs.order_system.columns import CLEANED
from orders.defs.order_system.merging import Merged, fingerprint, merge, watermark
from orders.schema import ORDERS, arrow_schema

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEMA = arrow_schema(ORDERS.columns)
NOTHING = arrow_schema(CLEANED).empty_table()


def delivery(order: int, row: int, day: int, amount: str = "1.00") -> dict:
    received = START + timedelta(days=day)
    return {
        "row_id": row,
        "order_id": order,
        "ordered_at": START,
        "received_at": received,
        "currency": "EUR",
        "amount": amount,
    }


def bronze(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def days(*rows: dict) -> list[str]:
    return sorted({row["received_at"].date().isoformat() for row in rows})


def into(stored: pa.Table, *rows: dict) -> Merged:
    return merge(stored, bronze(*rows), days(*rows))


STORED = into(NOTHING, delivery(7, row=70, day=5)).table


@pytest.mark.parametrize(
    ("found", "kept", "counted"),
    [
        (delivery(7, row=71, day=6), 71, "updated"),
        (delivery(7, row=1, day=6), 1, "updated"),
        (delivery(7, row=71, day=5), 71, "updated"),
        (delivery(7, row=69, day=5), 70, "older"),
        (delivery(7, row=99, day=4), 70, "older"),
        (delivery(7, row=70, day=5), 70, "same"),
    ],
    ids=["newer", "newer with a lower row", "tie, greater row", "tie, lower row", "older", "the same"],
)
def test_what_becomes_of_a_match(found: dict, kept: int, counted: str) -> None:
    merged = into(STORED, found)
    assert merged.table.column("row_id").to_pylist() == [kept]
    counts = {name: getattr(merged, name) for name in ("inserted", "updated", "same", "older")}
    assert counts == {"inserted": 0, "updated": 0, "same": 0, "older": 0, counted: 1}


def test_no_match_is_inserted_and_nothing_is_deleted() -> None:
    merged = into(STORED, delivery(3, row=30, day=9), delivery(3, row=31, day=8))
    assert merged.table.column("order_id").to_pylist() == [3, 7]
    assert merged.table.column("row_id").to_pylist() == [30, 70]
    assert (merged.read, merged.inserted, merged.gone) == (2, 1, 0)


def test_of_the_same_delivery_bronze_is_right() -> None:
    merged = into(STORED, delivery(7, row=70, day=5, amount="2.00"))
    assert [str(each) for each in merged.table.column("amount").to_pylist()] == ["2.00"]
    assert merged.same == 1


def test_a_delivery_that_its_day_no_longer_has_is_gone() -> None:
    assert merge(STORED, bronze(delivery(3, row=30, day=5)), ["2026-03-06"]).gone == 1
    assert merge(STORED, bronze(delivery(3, row=30, day=4)), ["2026-03-05"]).gone == 0


def test_any_grouping_and_order_of_merges_gives_the_same_table() -> None:
    rows = [delivery(order % 5, row=order, day=(order * 7) % 11, amount=str(order)) for order in range(40)]
    whole = clean(newest_per_order(bronze(*rows)))
    for chunks in (
        [rows[:13], rows[13:]],
        [rows[25:], rows[10:25], rows[:10]],
        [[row] for row in reversed(rows)],
    ):
        table = NOTHING
        for chunk in [*chunks, chunks[0]]:
            table = into(table, *chunk).table
        assert table.equals(whole)
        assert (fingerprint(table), watermark(table)) == (fingerprint(whole), watermark(whole))
    assert watermark(whole) == max(row["received_at"] for row in rows)
