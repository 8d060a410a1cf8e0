"""Each kind of change: whether it breaks a reader, what is said of it, which version it needs."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from slipway.columns import Column
from slipway.contracts import Contract, Published
from slipway.contracts.changes import changes, version_needed


def bent(published: Published, **changed: Any) -> Published:
    return replace(published, contract=replace(published.contract, **changed))


def column(published: Published, name: str, /, **changed: Any) -> Published:
    columns = published.contract.columns
    return bent(published, columns=tuple(replace(c, **changed) if c.name == name else c for c in columns))


def without(published: Published, name: str) -> Published:
    kept = tuple(c for c in published.contract.columns if c.name != name)
    return bent(published, columns=kept, unique=())


BREAKING = [
    (lambda p: without(p, "euros"), "column euros (decimal128(18, 2)) is gone"),
    (lambda p: column(p, "euros", name="amount"), "column euros (decimal128(18, 2)) is gone"),
    (lambda p: column(p, "euros", type=pa.float64()), "column euros is double, and was decimal128(18, 2)"),
    (lambda p: column(p, "euros", type=pa.decimal128(20, 2)), "column euros is decimal128(20, 2), and was"),
    (lambda p: column(p, "orders", nullable=True), "column orders may now have nulls"),
    (lambda p: column(p, "orders", minimum=-1), "column orders: minimum is -1, and was 0"),
    (lambda p: column(p, "orders", minimum=None), "column orders: minimum is none, and was 0"),
    (lambda p: column(p, "orders", maximum=1001), "column orders: maximum is 1001, and was 1000"),
    (lambda p: column(p, "orders", maximum=None), "column orders: maximum is none, and was 1000"),
    (lambda p: column(p, "state", allowed=("open", "closed", "gone")), "column state: also allowed is gone"),
    (lambda p: column(p, "state", allowed=None), "column state: any value is allowed, and were open, closed"),
    (
        lambda p: column(p, "shop", pattern="^[a-z]*$"),
        "column shop: pattern is '^[a-z]*$', and was '^[a-z]+$'",
    ),
    (lambda p: column(p, "shop", pattern=None), "column shop: pattern is none, and was '^[a-z]+$'"),
    (lambda p: bent(p, unique=()), "the combination of day, shop is no longer unique"),
    (
        lambda p: bent(p, unique=(("day", "shop", "state"),)),
        "the combination of day, shop is no longer unique",
    ),
    (lambda p: bent(p, minimum_rows=0), "row count: minimum is 0, and was 1"),
    (lambda p: bent(p, minimum_rows=None), "row count: minimum is none, and was 1"),
    (
        lambda p: replace(p, path="north/sales/<partition>.parquet"),
        "its objects are at north/sales/<partition>",
    ),
    (lambda p: replace(p, partitioned_by=("day",)), "it is divided by day, and was by no column"),
]
ADDITIONS = [
    (
        lambda p: bent(p, columns=(*p.contract.columns, Column("more", pa.int64(), ""))),
        "column more (int64) is new",
    ),
    (lambda p: column(p, "euros", nullable=False), "column euros no longer has nulls"),
    (lambda p: column(p, "orders", minimum=1), "column orders: minimum is 1, and was 0"),
    (lambda p: column(p, "orders", maximum=999), "column orders: maximum is 999, and was 1000"),
    (lambda p: column(p, "state", allowed=("open",)), "column state: no longer allowed is closed"),
    (lambda p: column(p, "shop", allowed=("a",)), "column shop: only a are allowed"),
    (lambda p: column(p, "state", pattern="o"), "column state: pattern is 'o', and was none"),
    (lambda p: bent(p, unique=(("day",),)), "column day is unique"),
    (lambda p: bent(p, maximum_rows=9), "row count: maximum is 9, and was none"),
]
NOTHING = [
    lambda p: p,
    lambda p: column(p, "euros", description="Other words."),
    lambda p: bent(p, columns=p.contract.columns[::-1]),
    lambda p: bent(p, unique=(("shop", "day"),)),
    lambda p: column(p, "shop", type=pa.large_string()),
    lambda p: replace(p, owners=("team:south",), purpose="Other words."),
]


@pytest.mark.parametrize(("bend", "said"), BREAKING)
def test_what_breaks_a_reader_needs_a_new_major_version(published: Published, bend: Any, said: str) -> None:
    new = bend(published)
    found = changes(published, new)
    assert found[0].breaking
    assert said in found[0].text
    assert version_needed(published, new) == "2.0.0"
    assert version_needed(published, bent(new, version="1.99.0")) == "2.0.0"
    assert version_needed(published, bent(new, version="2.0.0")) is None


@pytest.mark.parametrize(("bend", "said"), ADDITIONS)
def test_what_promises_more_needs_a_new_minor_version(published: Published, bend: Any, said: str) -> None:
    new = bend(published)
    assert [(change.breaking, change.text) for change in changes(published, new)] == [(False, said)]
    assert version_needed(published, new) == "1.5.0"
    assert version_needed(published, bent(new, version="1.5.0")) is None


@pytest.mark.parametrize("bend", NOTHING)
def test_other_words_need_nothing(published: Published, bend: Any) -> None:
    new = bend(published)
    assert not changes(published, new)
    assert version_needed(published, new) is None


def test_the_version_never_goes_back(published: Published) -> None:
    assert version_needed(published, bent(published, version="1.3.9")) == "1.4.0"


def test_a_breaking_change_is_said_before_additions(published: Published) -> None:
    new = column(column(published, "euros", nullable=False), "orders", minimum=None)
    assert [change.breaking for change in changes(published, new)] == [True, False]
    assert isinstance(new.contract, Contract)
