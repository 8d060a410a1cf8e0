"""What a reader relies on, against the contract and against the frame."""

from decimal import Decimal

import pyarrow as pa
import pytest

from slipway.columns import Column
from slipway.contracts import Expectation, Published, UnmetExpectationError

EXPECTED = Expectation(
    "north/sales",
    (Column("orders", pa.int64(), "", nullable=False, minimum=0), Column("euros", pa.decimal128(18, 2), "")),
)


def test_a_part_of_what_is_promised_is_met(published: Published) -> None:
    EXPECTED.check(published)
    EXPECTED.check_frame(
        pa.table({"orders": [1], "euros": pa.array([Decimal(1)], pa.decimal128(18, 2)), "x": [1]})
    )


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column("nothing", pa.int64(), ""), "column nothing (int64) is gone"),
        (Column("orders", pa.int32(), ""), "column orders is int64, and was int32"),
        (Column("euros", pa.decimal128(18, 2), "", nullable=False), "column euros may now have nulls"),
        (Column("orders", pa.int64(), "", minimum=1), "column orders: minimum is 0, and was 1"),
        (Column("state", pa.string(), "", allowed=("open",)), "column state: also allowed is closed"),
    ],
)
def test_what_is_expected_and_not_promised_is_named(published: Published, column: Column, said: str) -> None:
    with pytest.raises(UnmetExpectationError) as raised:
        Expectation("north/sales", (column,)).check(published)
    assert said in str(raised.value)


def test_a_key_that_is_expected(published: Published) -> None:
    columns = published.contract.columns
    Expectation("north/sales", columns, unique=(("day", "shop", "state"),)).check(published)
    with pytest.raises(UnmetExpectationError, match="column day is no longer unique"):
        Expectation("north/sales", columns, unique=(("day",),)).check(published)


def test_a_frame_of_other_types_or_with_bad_rows_is_refused() -> None:
    with pytest.raises(UnmetExpectationError) as raised:
        EXPECTED.check_frame(pa.table({"orders": [1, -1, None]}))
    assert "column euros, present: the frame does not have it" in str(raised.value)
    assert "column orders, not null: 1 row, the first is row 2" in str(raised.value)
    assert "column orders, minimum 0: 1 row, the first is row 1: -1" in str(raised.value)
