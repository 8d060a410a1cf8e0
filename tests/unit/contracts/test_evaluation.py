"""Each rule: kept, broken, and what is said of the rows that break it."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from slipway.columns import Column, arrow_schema
from slipway.contracts import Contract
from slipway.contracts.evaluation import SHOWN, Violation, evaluate

NOON = dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC)


def broken(contract: Contract, table: pa.Table, batches: int = 1) -> list[Violation]:
    rows = -(-table.num_rows // batches) or 1
    return evaluate(
        contract, table.schema, [table.slice(start, rows) for start in range(0, table.num_rows, rows)]
    )


def one(column: Column, values: list[Any], **frame: list[Any]) -> list[Violation]:
    table = pa.table(
        {"id": pa.array(range(len(values)), pa.int64()), column.name: pa.array(values, column.type)}
    )
    return broken(Contract("1.0.0", (Column("id", pa.int64(), ""), column), unique=(("id",),)), table)


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        pytest.param(Column("x", pa.string(), "", nullable=False), ["a", ""], [None], id="not null"),
        pytest.param(Column("x", pa.int64(), "", minimum=0), [0, 7, None], [-1], id="minimum"),
        pytest.param(Column("x", pa.int64(), "", maximum=9), [9, None], [10], id="maximum"),
        pytest.param(
            Column("x", pa.decimal128(18, 2), "", minimum=Decimal("0.01")),
            [Decimal("0.01"), None],
            [Decimal("0.00")],
            id="decimal",
        ),
        pytest.param(
            Column("x", pa.float64(), "", minimum=0.5),
            [0.5, None],
            [0.4, float("nan")],
            id="NaN is no number",
        ),
        pytest.param(
            Column("x", pa.float64(), "", maximum=0.5),
            [0.5, None],
            [float("inf"), float("nan")],
            id="infinite",
        ),
        pytest.param(
            Column("x", pa.date32(), "", minimum=dt.date(2026, 1, 1)),
            [dt.date(2026, 1, 1), None],
            [dt.date(2025, 12, 31)],
            id="date",
        ),
        pytest.param(
            Column("x", pa.timestamp("us", "UTC"), "", maximum=NOON),
            [NOON, None],
            [NOON + dt.timedelta(microseconds=1)],
            id="instant",
        ),
        pytest.param(
            Column("x", pa.string(), "", allowed=("a", "b")), ["a", "b", None], ["c", ""], id="allowed"
        ),
        pytest.param(Column("x", pa.int64(), "", allowed=(1, 2)), [1, None], [3], id="allowed numbers"),
        pytest.param(
            Column("x", pa.string(), "", pattern="^[A-Z]{3}$"), ["EUR", None], ["eur", "EURO"], id="pattern"
        ),
    ],
)
def test_a_rule_of_a_column(column: Column, good: list[Any], bad: list[Any]) -> None:
    assert not one(column, good)
    (violation,) = one(column, [*good, *bad])
    assert violation.column == "x"
    assert violation.rule == (column.rules[0] if column.rules else "not null")
    assert violation.rows == len(bad)
    assert [row.number for row in violation.first] == list(range(len(good), len(good) + len(bad)))
    assert violation.first[0].key == f"id={len(good)}"
    assert violation.first[0].value == ("null" if bad[0] is None else str(bad[0]))


def test_rows_are_numbered_and_counted_over_all_batches_and_the_first_are_kept() -> None:
    contract = Contract("1.0.0", (Column("x", pa.int64(), "", maximum=99),))
    (violation,) = broken(contract, pa.table({"x": range(200)}), batches=7)
    assert violation.rows == 100
    assert [row.number for row in violation.first] == list(range(100, 100 + SHOWN))
    assert str(violation) == "column x, maximum 99: 100 rows, the first is row 100: 100"


def test_a_unique_key_over_batches_nulls_included() -> None:
    contract = Contract(
        "1.0.0", (Column("a", pa.int64(), ""), Column("b", pa.string(), "")), unique=(("a", "b"),)
    )
    table = pa.table({"a": [1, 1, 2, 1, 2, 1], "b": ["x", None, "x", None, "y", None]})
    (violation,) = broken(contract, table, batches=3)
    assert (violation.column, violation.rule, violation.rows) == ("a, b", "unique", 2)
    assert [(row.number, row.value, row.key) for row in violation.first] == [
        (5, "3 times, first in row 1", "a=1, b=null")
    ]
    assert not broken(contract, table.slice(0, 3), batches=2)


def test_a_long_value_is_cut() -> None:
    (violation,) = one(Column("x", pa.string(), "", allowed=("a",)), ["b" * 100, "c" * 101])
    assert [row.value for row in violation.first] == ["b" * 100, "c" * 100 + "..."]


def test_of_many_keys_that_are_there_twice_the_first_are_kept() -> None:
    contract = Contract("1.0.0", (Column("a", pa.int64(), ""),), unique=(("a",),))
    falling = list(range(30, 0, -1))
    (violation,) = broken(contract, pa.table({"a": [*falling, *sorted(falling)]}), batches=4)
    assert violation.rows == 30
    assert [row.key for row in violation.first] == [f"a={each}" for each in falling[:SHOWN]]


def test_columns_that_are_missing_of_another_type_or_not_declared() -> None:
    contract = Contract(
        "1.0.0", (Column("a", pa.int64(), "", minimum=0), Column("b", pa.string(), "")), unique=(("a",),)
    )
    found = broken(contract, pa.table({"a": ["1", "1"], "c": [1, 2]}))
    assert {str(each) for each in found} == {
        "column a, type int64: it is string",
        "column b, present: the frame does not have it",
        "column c, declared: the contract does not have it",
    }
    assert all(each.rows is None for each in found)
    assert not broken(
        Contract("1.0.0", (Column("b", pa.string(), ""),)),
        pa.table({"b": pa.array(["x"], pa.large_string())}),
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [(0, "row count at least 1: it is 0"), (1, None), (2, None), (3, "row count at most 2: it is 3")],
)
def test_the_number_of_rows(rows: int, said: str | None) -> None:
    contract = Contract("1.0.0", (Column("x", pa.int64(), ""),), minimum_rows=1, maximum_rows=2)
    assert [str(each) for each in broken(contract, pa.table({"x": pa.array(range(rows), pa.int64())}))] == (
        [said] if said else []
    )


def test_an_empty_frame_keeps_every_other_rule() -> None:
    columns = (Column("x", pa.string(), "", nullable=False, pattern="a", allowed=("a",)),)
    assert not broken(Contract("1.0.0", columns, unique=(("x",),)), arrow_schema(columns).empty_table())
