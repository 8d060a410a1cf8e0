"""What counts as revenue."""

from datetime import date
from decimal import Decimal

import pyarrow as pa

from orders.defs.order_system import columns
from orders.defs.order_system.revenue import customer_spend, daily_revenue
from orders.schema import MONEY, arrow_schema

FIRST, SECOND = date(2026, 3, 5), date(2026, 3, 6)
SCHEMA = pa.schema(
    {"day": pa.date32(), "customer_id": pa.int64(), "status": pa.string(), "amount_eur": MONEY}
)
ROWS = [
    (SECOND, 1, "completed", "10.10"),
    (FIRST, 1, "completed", "20.00"),
    (FIRST, 2, "shipped", "0.05"),
    (FIRST, None, None, "1.00"),
    (FIRST, 2, "returned", "7.00"),
    (FIRST, 2, "cancelled", "9.00"),
    (FIRST, 1, "completed", "-3.00"),
    (FIRST, None, "completed", None),
    (FIRST, 3, "returned", None),
    (FIRST, 4, "on hold", "2.00"),
]
CLEANED = pa.Table.from_pylist(
    [
        {"day": day, "customer_id": who, "status": status, "amount_eur": amount and Decimal(amount)}
        for day, who, status, amount in ROWS
    ],
    schema=SCHEMA,
)


def values(table: pa.Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.to_pylist()]


def test_revenue_is_what_was_neither_cancelled_nor_returned() -> None:
    assert [column.name for column in columns.DAILY_REVENUE][2:5] == [
        "revenue_eur",
        "returns",
        "returned_eur",
    ]
    assert values(daily_revenue(CLEANED)) == [
        (FIRST, 9, Decimal("20.05"), 2, Decimal("7.00"), 1, 2),
        (SECOND, 1, Decimal("10.10"), 0, Decimal("0.00"), 0, 0),
    ]


def test_spend_is_per_day_and_customer_with_guests_last() -> None:
    assert values(customer_spend(CLEANED)) == [
        (FIRST, 1, 2, Decimal("17.00"), Decimal("0.00")),
        (FIRST, 2, 3, Decimal("0.05"), Decimal("7.00")),
        (FIRST, 3, 1, Decimal("0.00"), Decimal("0.00")),
        (FIRST, 4, 1, Decimal("2.00"), Decimal("0.00")),
        (FIRST, None, 2, Decimal("1.00"), Decimal("0.00")),
        (SECOND, 1, 1, Decimal("10.10"), Decimal("0.00")),
    ]


def test_sums_are_exact() -> None:
    cent = CLEANED.take([1]).set_column(3, "amount_eur", pa.array([Decimal("0.01")], MONEY))
    assert values(daily_revenue(pa.concat_tables([cent] * 1001)))[0][2] == Decimal("10.01")


def test_no_orders_have_the_columns_of_some() -> None:
    assert daily_revenue(CLEANED.slice(0, 0)).schema == arrow_schema(columns.DAILY_REVENUE)
    assert customer_spend(CLEANED.slice(0, 0)).schema == arrow_schema(columns.CUSTOMER_SPEND)
    assert daily_revenue(CLEANED).schema == arrow_schema(columns.DAILY_REVENUE)
    assert customer_spend(CLEANED).schema == arrow_schema(columns.CUSTOMER_SPEND)
