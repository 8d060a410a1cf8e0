"""The checks by themselves, on streams of several batches."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa

from orders.defs.order_system import columns
from orders.defs.order_system.checks import SHOWN, no_negative_amounts, orders_not_empty
from orders.schema import arrow_schema

SCHEMA = arrow_schema(columns.CLEANED)


def batch(first_id: int, amounts: list[str | None]) -> pa.RecordBatch:
    rows = [
        {
            "order_id": first_id + number,
            "ordered_at": datetime(2026, 3, 5, tzinfo=UTC),
            "amount": amount and Decimal(amount),
            "currency": "EUR",
        }
        for number, amount in enumerate(amounts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def stream(*batches: pa.RecordBatch) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(SCHEMA, iter(batches))


def test_negative_amounts_are_counted_over_all_batches_and_the_first_are_shown() -> None:
    many = [batch(start, ["-1.00", "2.00", None] * 4) for start in (100, 200, 300, 400)]
    result = no_negative_amounts(stream(*many))
    assert not result.passed
    assert result.metadata["negative"].value == 16
    shown = [record.data["order_id"] for record in result.metadata["first"].records]
    assert shown == [100, 103, 106, 109, 200, 203, 206, 209, 300, 303]
    assert len(shown) == SHOWN


def test_zero_and_null_are_not_negative() -> None:
    result = no_negative_amounts(stream(batch(1, ["0.00", None, "0.01"])))
    assert result.passed
    assert result.metadata["negative"].value == 0
    assert "first" not in result.metadata


def test_emptiness_is_known_after_the_first_rows() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield batch(1, [])
        yield batch(1, ["1.00"])
        raise AssertionError("read on")

    assert orders_not_empty(pa.RecordBatchReader.from_batches(SCHEMA, batches())).passed
    assert not orders_not_empty(stream(batch(1, []), batch(1, []))).passed
    assert not orders_not_empty(stream()).passed
