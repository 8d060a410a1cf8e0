"""Uniqueness, nulls and ranges of a table's rows."""

from datetime import date

import dagster as dg
import pyarrow as pa
import pytest

from slipway.quality import all_rows, in_range, not_null, unique

TABLE = pa.table(
    {"id": [1, 2, 2, None, None, 2], "n": [5, None, -1, 7, 0, 3], "day": ["a", "a", "b", "b", "c", "c"]}
)


def first(result: dg.AssetCheckResult) -> list[dict]:
    table = result.metadata["first"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_repetitions_are_counted_shown_and_located() -> None:
    result = unique("u", TABLE, ["id"], parts=TABLE["day"])
    assert (result.passed, result.check_name, result.severity) == (False, "u", dg.AssetCheckSeverity.ERROR)
    assert result.metadata["bad_rows"].value == 3
    assert first(result) == [{"id": 2}, {"id": ""}, {"id": 2}]
    assert result.metadata["bad_partitions"].value == ["b", "c"]
    assert result.description == "3 of 6 rows break the rule: id unique, in b, c"


def test_a_key_of_several_columns() -> None:
    assert not unique("u", TABLE, ["id"]).passed
    result = unique("u", TABLE, ["id", "day"])
    assert result.passed
    assert result.metadata["bad_rows"].value == 0
    assert unique("u", TABLE.slice(0, 0), ["id"]).passed


def test_nulls() -> None:
    assert not_null("n", TABLE, ["day"]).passed
    result = not_null("n", TABLE, ["id", "n"], severity=dg.AssetCheckSeverity.WARN)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert first(result) == [{"id": 2, "n": ""}, {"id": "", "n": 7}, {"id": "", "n": 0}]


@pytest.mark.parametrize(
    ("low", "high", "bad"), [(0, None, 1), (None, 6, 1), (0, 6, 2), (-1, 7, 0), (None, None, 0)]
)
def test_a_range_includes_its_bounds_and_does_not_judge_nulls(low, high, bad) -> None:
    result = in_range("r", TABLE, "n", low=low, high=high)
    assert (result.passed, result.metadata["bad_rows"].value) == (bad == 0, bad)


def test_dates_can_be_bounds() -> None:
    table = pa.table({"d": [date(2026, 1, 1), date(2026, 1, 5)]})
    assert not in_range("r", table, "d", low=date(2026, 1, 2)).passed


def test_an_unknown_verdict_is_a_bad_row_and_ten_are_shown() -> None:
    table = pa.table({"n": list(range(40))})
    result = all_rows(
        "a",
        table,
        pa.array([None] * 40, pa.bool_()),
        "known",
        ["n"],
        parts=pa.array([f"p{n:02}" for n in range(40)]),
    )
    assert result.metadata["bad_rows"].value == 40
    assert len(first(result)) == 10
    assert result.description.endswith("p08, p09 and 30 more")
    ten = pa.table({"n": list(range(10))})
    labels = pa.array([f"p{n:02}" for n in range(10)])
    result = all_rows("a", ten, pa.array([None] * 10, pa.bool_()), "known", ["n"], parts=labels)
    assert result.description.endswith("p08, p09")
