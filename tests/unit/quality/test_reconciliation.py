"""Counts and sums of one place against another."""

from decimal import Decimal

import dagster as dg
import pyarrow as pa
import pytest

from slipway.quality import measured, reconciled, reconciled_with_source

TABLE = pa.table(
    {
        "day": ["a", "b", "a"],
        "n": [1, 2, 3],
        "eur": pa.array([Decimal("0.10"), None, Decimal("0.20")], pa.decimal128(18, 2)),
    }
)


def test_measures_by_part_and_of_all() -> None:
    sums = {"ids": "n", "euros": "eur"}
    assert measured(TABLE, TABLE["day"], sums) == {
        "a": {"rows": 2, "ids": 4, "euros": Decimal("0.30")},
        "b": {"rows": 1, "ids": 2, "euros": 0},
    }
    assert measured(TABLE, "all", {"ids": "n"}) == {"all": {"rows": 3, "ids": 6}}
    assert measured(TABLE.slice(0, 0), "all", {"ids": "n"}) == {}


def test_equal_sides_pass_whatever_numbers_they_are_made_of() -> None:
    result = reconciled(
        "r",
        {"a": {"eur": Decimal("1.50")}},
        {"a": {"eur": Decimal("1.5")}, "b": {"eur": 0}},
        between="x and y",
    )
    assert result.passed
    assert result.metadata["totals"].value == {"eur": "1.50"}


def test_one_cent_fails_and_is_named() -> None:
    ours = {"a": {"eur": Decimal("1.50"), "rows": 1}, "b": {"rows": 2}, "d": {"rows": 1}}
    theirs = {"a": {"eur": Decimal("1.51"), "rows": 1}, "b": {"rows": 2}, "c": {"rows": 4}}
    result = reconciled("r", ours, theirs, between="bronze and the source")
    assert not result.passed
    assert result.description == (
        "bronze and the source differ in 3 of 4 parts: a, c, d. The first: a, eur 1.50 instead of 1.51"
    )
    assert result.metadata["bad_partitions"].value == ["a", "c", "d"]
    differences = result.metadata["differences"]
    assert isinstance(differences, dg.TableMetadataValue)
    assert dict(differences.records[1].data) == {
        "part": "c",
        "measure": "rows",
        "found": 0,
        "expected": 4,
    }


def test_ten_differences_are_shown_and_words_have_no_total() -> None:
    ours = {f"p{number:02}": {"rows": 1, "newest": "2026-01-01"} for number in range(12)}
    theirs = {part: {**measures, "rows": 2} for part, measures in ours.items()}
    result = reconciled("r", ours, theirs, between="x and y")
    differences = result.metadata["differences"]
    assert isinstance(differences, dg.TableMetadataValue)
    assert len(differences.records) == 10
    assert len(result.metadata["bad_partitions"].value) == 12
    assert result.metadata["totals"].value == {"rows": "12"}


@pytest.mark.parametrize(
    ("found", "before", "after", "passed", "severity"),
    [
        (5, 5, None, True, "ERROR"),
        (5, 4, 5, True, "WARN"),
        (5, 6, 6, False, "ERROR"),
        (5, 4, 6, False, "WARN"),
    ],
    ids=["equal", "rows came while reading", "rows are missing", "the source moves"],
)
def test_a_source_that_moves_is_no_error(found, before, after, passed, severity) -> None:
    result = reconciled_with_source(
        "r",
        {"a": {"rows": found}},
        {"a": {"rows": before}},
        lambda: {"a": {"rows": after}},
        between="x and y",
    )
    assert (result.passed, result.severity.value) == (passed, severity)
