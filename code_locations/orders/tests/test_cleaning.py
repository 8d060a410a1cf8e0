"""The cleaning of delivered rows, each kind of fault by itself."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import dagster as dg
import pyarrow as pa
import pytest

from orders.defs.order_system import columns
from orders.defs.order_system.cleaning import clean, newest_per_order, parse_amount
from orders.demo import faults
from orders.rates import EUR_RATES
from orders.schema import MONEY, ORDERS, arrow_schema

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def delivery(**values) -> dict:
    plain = {
        "row_id": 1,
        "order_id": 7,
        "customer_id": 3,
        "ordered_at": NOON,
        "received_at": NOON,
        "status": "completed",
        "currency": "EUR",
        "amount": "12.50",
    }
    return plain | values


def feed(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(ORDERS.columns))


def cleaned(**values) -> dict:
    return clean(feed(delivery(**values))).to_pylist()[0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.50", "12.50"),
        ("12", "12.00"),
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("2.675", "2.68"),
        ("12,50", "12.50"),
        ("-3,5", "-3.50"),
        ("+7", "7.00"),
        ("1e3", "1000.00"),
        ("1.250000000e+01", "12.50"),
        ("5E-1", "0.50"),
        ("  9.99 ", "9.99"),
        ("\t9.99\n", "9.99"),
        ("999999999999999.99", "999999999999999.99"),
        ("9e14", "900000000000000.00"),
    ],
)
def test_amount_is_read(text: str, number: str) -> None:
    assert parse_amount(pa.chunked_array([[text]])).to_pylist() == [Decimal(number)]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "1,250",
        "1.250,00",
        "1 000",
        "1e15",
        "10e3",
        "1000000000000000",
        "0x10",
        "NaN",
        "inf",
        "€5",
        "٣",
        *faults.WORD_FORMS,
    ],
)
def test_amount_is_not_guessed(text: str | None) -> None:
    assert parse_amount(pa.chunked_array([pa.array([text], pa.string())])).to_pylist() == [None]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"amount": None}, "no amount"),
        ({"amount": " "}, "no amount"),
        ({"amount": "n/a"}, "amount is not a number"),
        ({"amount": "n/a", "currency": None}, "amount is not a number"),
        ({"currency": None}, "no currency"),
        ({"currency": "  "}, "no currency"),
        ({"currency": "XXX"}, "unknown currency"),
        ({"amount": "-5"}, None),
        ({}, None),
    ],
)
def test_unusable_orders_are_kept_with_their_reason(values: dict, reason: str | None) -> None:
    row = cleaned(**values)
    assert row["quarantine_reason"] == reason
    assert (row["amount_eur"] is None) == (reason is not None)


def test_an_amount_without_currency_is_kept() -> None:
    assert cleaned(currency=None)["amount"] == Decimal("12.50")


@pytest.mark.parametrize("currency", EUR_RATES)
def test_amounts_become_euros_rounded_as_postgres_rounds(currency: str) -> None:
    exact = Decimal("-33.33") * EUR_RATES[currency]
    assert cleaned(amount="-33.33", currency=currency)["amount_eur"] == exact.quantize(
        Decimal("0.01"), "ROUND_HALF_UP"
    )


def test_texts_are_tidied() -> None:
    row = cleaned(status="Completed ", currency=" eur")
    assert (row["status"], row["currency"], row["amount_eur"]) == ("completed", "EUR", Decimal("12.50"))
    assert cleaned(status=None)["status"] is None
    assert cleaned(status=" ")["status"] is None


@pytest.mark.parametrize(
    ("ordered", "received", "day", "late"),
    [
        ("2026-03-05T00:00:00Z", "2026-03-05T23:59:59.999999Z", date(2026, 3, 5), False),
        ("2026-03-05T23:59:59.999999Z", "2026-03-06T00:00:00Z", date(2026, 3, 5), True),
        ("2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z", date(2026, 12, 31), True),
        ("2026-03-06T01:00:00+02:00", "2026-03-05T23:30:00Z", date(2026, 3, 5), False),
    ],
)
def test_days_are_of_utc(ordered: str, received: str, day: date, late: bool) -> None:
    row = cleaned(ordered_at=datetime.fromisoformat(ordered), received_at=datetime.fromisoformat(received))
    assert (row["day"], row["is_late"]) == (day, late)


def test_the_newest_delivery_wins() -> None:
    table = feed(
        delivery(row_id=9, amount="1.00"),
        delivery(row_id=3, amount="2.00", received_at=NOON.replace(hour=13)),
        delivery(row_id=4, amount="3.00", received_at=NOON.replace(hour=13)),
        delivery(row_id=8, order_id=6, amount="4.00"),
    )
    assert [(row["order_id"], row["row_id"]) for row in newest_per_order(table).to_pylist()] == [
        (6, 8),
        (7, 4),
    ]


def test_a_newest_delivery_without_a_number_is_not_replaced_by_an_older_one() -> None:
    table = feed(delivery(), delivery(row_id=2, amount="TBD", received_at=NOON.replace(hour=13)))
    assert clean(newest_per_order(table)).column("amount").to_pylist() == [None]


def random_feed(seed: int) -> list[dict]:
    generator = random.Random(seed)
    return [
        delivery(
            row_id=row_id,
            order_id=generator.randrange(6),
            received_at=NOON.replace(hour=generator.randrange(12, 15)),
            amount=generator.choice(["1", "2,5", "n/a", None]),
        )
        for row_id in range(30)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_result_is_the_same_for_any_order_and_grouping_of_rows(seed: int) -> None:
    rows = random_feed(seed)
    whole = clean(newest_per_order(feed(*rows)))
    random.Random(seed).shuffle(rows)
    assert clean(newest_per_order(feed(*rows))).equals(whole)
    for cut in (0, 1, 11, 30):
        earlier = clean(newest_per_order(feed(*rows[:cut])))
        merged = newest_per_order(pa.concat_tables([earlier, clean(feed(*rows[cut:]))]))
        assert merged.equals(whole)


def test_no_rows_have_the_columns_and_types_of_many() -> None:
    empty = clean(newest_per_order(feed()))
    assert empty.num_rows == 0
    assert empty.schema == arrow_schema(columns.CLEANED)
    assert clean(feed(delivery())).schema == empty.schema


def test_columns_of_other_tables_pass_through() -> None:
    table = feed(delivery()).append_column("lines", pa.array([2])).append_column("country", pa.array(["PL"]))
    row = clean(newest_per_order(table)).to_pylist()[0]
    assert (row["lines"], row["country"]) == (2, "PL")


def test_nulls_in_keys_are_an_error_that_names_them() -> None:
    table = feed(delivery(order_id=None), delivery(received_at=None), delivery(received_at=None))
    with pytest.raises(dg.Failure, match="order_id in 1 rows, received_at in 2 rows") as caught:
        newest_per_order(table)
    assert not caught.value.allow_retries


def test_rates_fit_their_type() -> None:
    assert pa.array(list(EUR_RATES.values()), pa.decimal128(10, 6)).to_pylist() == list(EUR_RATES.values())
    assert MONEY.scale == 2
