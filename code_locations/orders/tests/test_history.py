"""The demo's generator, without a database."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from orders.demo import faults, history
from orders.demo.calendar import orders_per_day
from orders.demo.history import History
from orders.rates import EUR_RATES
from orders.schema import CUSTOMERS, ORDER_LINES, ORDERS, arrow_schema

UNTIL = date(2026, 11, 20)


def tables(demo: History) -> tuple[pa.Table, pa.Table, pa.Table]:
    pieces = list(demo.pieces())
    return (
        pa.concat_tables(demo.customer_pieces()),
        pa.concat_tables(piece.orders for piece in pieces),
        pa.concat_tables(piece.lines for piece in pieces),
    )


@pytest.fixture(scope="module")
def large() -> tuple[pa.Table, pa.Table, pa.Table]:
    return tables(History(50_000, 3, UNTIL))


def digest(demo: History) -> str:
    found = hashlib.sha256()
    for table in tables(demo):
        found.update(str(table.to_pydict()).encode())
    return found.hexdigest()


def test_the_same_options_give_the_same_rows() -> None:
    assert digest(History(500, 3, UNTIL)) == digest(History(500, 3, UNTIL))


@pytest.mark.parametrize(
    "other", [History(500, 4, UNTIL), History(501, 3, UNTIL), History(500, 3, UNTIL - timedelta(days=1))]
)
def test_other_options_give_other_rows(other: History) -> None:
    assert digest(other) != digest(History(500, 3, UNTIL))


def test_the_rows_have_the_columns_of_the_source(large: tuple[pa.Table, ...]) -> None:
    for table, made in zip((CUSTOMERS, ORDERS, ORDER_LINES), large, strict=True):
        assert made.schema == arrow_schema(table.columns)
        for column in table.columns:
            assert column.nullable or made.column(column.name).null_count == 0


def test_every_order_is_delivered_and_keys_are_unique(large: tuple[pa.Table, ...]) -> None:
    customers, orders, lines = large
    assert pc.count_distinct(orders["order_id"]).as_py() == 50_000
    assert orders["row_id"].to_pylist() == list(range(1, orders.num_rows + 1))
    assert pc.count_distinct(lines["order_id"]).as_py() == 50_000
    keys = lines.group_by(["order_id", "line_number"]).aggregate([([], "count_all")])
    assert keys.num_rows == lines.num_rows
    assert pc.all(
        pc.is_in(pc.drop_null(orders["customer_id"]), customers["customer_id"].combine_chunks())
    ).as_py()


def test_everything_happens_within_the_history_and_arrives_after_it_happened(
    large: tuple[pa.Table, ...],
) -> None:
    orders = large[1]
    assert pc.min(orders["ordered_at"]).as_py() >= datetime(2026, 1, 1, tzinfo=UTC)
    assert pc.max(orders["received_at"]).as_py() < datetime(2026, 11, 21, tzinfo=UTC)
    assert pc.all(pc.greater_equal(orders["received_at"], orders["ordered_at"])).as_py()
    assert pc.max(orders["ordered_at"]).as_py().date() == UNTIL


def share(mask: pa.ChunkedArray) -> float:
    return pc.mean(pc.cast(pc.fill_null(mask, fill_value=False), pa.int8())).as_py()


def matches(column: pa.ChunkedArray, pattern: str) -> float:
    return share(pc.match_substring_regex(column, pattern))


def test_faults_occur_at_their_rates(large: tuple[pa.Table, ...]) -> None:
    orders = large[1]
    amount, status, currency = orders["amount"], orders["status"], orders["currency"]
    wait = pc.subtract(orders["received_at"], orders["ordered_at"])
    words = pa.array(faults.WORD_FORMS)
    found = {
        faults.NO_AMOUNT: share(pc.is_null(amount)),
        faults.BLANK_AMOUNT: share(pc.equal(amount, "")),
        faults.WORDS: share(pc.is_in(amount, words)),
        faults.DECIMAL_COMMA: matches(amount, r"^\d+,\d\d$"),
        faults.SCIENTIFIC: matches(amount, r"e[+-]\d\d$"),
        faults.PADDED: matches(amount, r"^  \d+\.\d\d $"),
        faults.NEGATIVE: matches(amount, r"^-\d"),
        faults.NO_STATUS: share(pc.is_null(status)),
        faults.CANCELLED: matches(status, "^(?i)cancelled ?$"),
        faults.UNTIDY_STATUS: matches(status, "^[A-Z].* $"),
        faults.NO_CURRENCY: share(pc.is_null(currency)),
        faults.UNKNOWN_CURRENCY: share(pc.is_in(currency, pa.array(faults.UNKNOWN_CODES))),
        faults.GUEST: share(pc.is_null(orders["customer_id"])),
        faults.LATE: share(pc.greater(wait, pa.scalar(timedelta(days=1)))),
    }
    for expected, rate in found.items():
        # Redeliveries add some: a second delivery is late more often, and corrected ones are tidy.
        assert expected * 0.6 < rate < expected * 1.5 + 0.012 * (expected == faults.LATE)


def test_redeliveries_are_of_each_kind(large: tuple[pa.Table, ...]) -> None:
    by_order: dict[int, list[dict]] = {}
    for row in large[1].to_pylist():
        by_order.setdefault(row["order_id"], []).append(row)
    pairs = [rows for rows in by_order.values() if len(rows) == 2]
    assert max(map(len, by_order.values())) == 2
    assert 0.9 < len(pairs) / (50_000 * faults.REDELIVERED) < 1.1
    assert all(first["received_at"] <= second["received_at"] for first, second in pairs)
    count = len(pairs)
    kinds = {
        "same instant": sum(a["received_at"] == b["received_at"] for a, b in pairs),
        "moved": sum(a["ordered_at"].date() != b["ordered_at"].date() for a, b in pairs),
        "same again": sum(a["amount"] == b["amount"] and a["status"] == b["status"] for a, b in pairs),
    }
    assert 0.5 * faults.SAME_INSTANT < kinds["same instant"] / count < 1.5 * faults.SAME_INSTANT
    assert 0.5 * faults.MOVED < kinds["moved"] / count < 1.5 * faults.MOVED
    assert 0.8 * (1 - faults.CORRECTED) < kinds["same again"] / count < 1.2 * (1 - faults.CORRECTED)


def test_the_amount_is_that_of_the_lines(large: tuple[pa.Table, ...]) -> None:
    _, orders, lines = large
    totals = pc.multiply(lines["unit_price"], lines["quantity"])
    sums = pa.table({"order_id": lines["order_id"], "total": totals}).group_by("order_id")
    by_order = {row["order_id"]: row["total_sum"] for row in sums.aggregate([("total", "sum")]).to_pylist()}
    same = [f"{by_order[row['order_id']]:.2f}" == row["amount"] for row in orders.to_pylist()]
    assert sum(same) / len(same) > 0.95


def test_currencies_can_be_converted(large: tuple[pa.Table, ...]) -> None:
    seen = set(large[1]["currency"].unique().to_pylist()) - {None, *faults.UNKNOWN_CODES}
    assert seen == set(EUR_RATES)


def test_seasons_show() -> None:
    counts = orders_per_day(1_000_000, date(2026, 1, 1), date(2026, 12, 31))
    assert counts.sum() == 1_000_000
    day = {date(2026, 1, 1) + timedelta(days=number): count for number, count in enumerate(counts)}
    assert max(day, key=day.__getitem__) == date(2026, 11, 27)
    assert day[date(2026, 12, 25)] < 0.5 * day[date(2026, 12, 18)]
    assert sum(day[date(2026, 10, 1) + timedelta(days=n)] for n in range(28)) > 1.3 * sum(
        day[date(2026, 6, 1) + timedelta(days=n)] for n in range(28)
    )


@pytest.mark.parametrize(("orders", "days"), [(1, 1), (1, 300), (7, 2)])
def test_the_smallest_histories_work(orders: int, days: int) -> None:
    demo = History(orders, 0, date(2026, 1, 1) + timedelta(days=days - 1))
    assert pc.count_distinct(tables(demo)[1]["order_id"]).as_py() == orders


def test_pieces_are_bounded() -> None:
    sizes = [piece.lines.num_rows for piece in History(45_000, 3, UNTIL).pieces()]
    assert len(sizes) == 3
    assert max(sizes) < 4 * history.PIECE
