"""The row count of a day against the days before it."""

from datetime import date, timedelta

import dagster as dg
import pytest

from slipway.quality import Allowance, newest_count_anomaly, recorded_row_counts, row_count_anomaly

TODAY = date(2026, 3, 20)
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def days(*counts: int, last: date = TODAY - timedelta(days=1)) -> dict[date, int]:
    return {last - timedelta(days=number): count for number, count in enumerate(reversed(counts))}


STEADY = days(*[300, 290, 305, 310, 280, 330, 340] * 2)


def of_today(rows: int, before: dict[date, int] = STEADY, **allowed) -> dg.AssetCheckResult:
    return row_count_anomaly("rows", {TODAY: rows}, before, Allowance(**allowed))


@pytest.mark.parametrize(
    ("rows", "passed", "severity"),
    [
        (305, True, WARN),
        (160, True, WARN),
        (450, True, WARN),
        (140, False, WARN),
        (470, False, WARN),
        (30, False, ERROR),
        (0, False, ERROR),
    ],
)
def test_a_drop_warns_and_a_collapse_is_an_error(rows, passed, severity) -> None:
    result = of_today(rows)
    assert (result.passed, result.severity) == (passed, severity)
    assert (result.metadata["usual"].value, result.metadata["allowed"].value) == (305, 152.5)


def test_the_message_names_the_day() -> None:
    assert of_today(0).description == "Unusual: 2026-03-20 (0 rows, usual are 305 ± 152)"


def test_one_bad_day_among_the_fourteen_changes_nothing() -> None:
    spoiled = {**STEADY, TODAY - timedelta(days=3): 0, TODAY - timedelta(days=9): 9000}
    assert of_today(300, spoiled).passed
    assert not of_today(100, spoiled).passed


def test_too_little_history_is_said_and_no_failure() -> None:
    result = of_today(0, days(300, 300, 300, 300, 300, 300))
    assert result.passed
    assert result.description == "No verdict: fewer than 7 days before are known"
    assert (result.metadata["judged"].value, result.metadata["too_little_history"].value) == (0, 1)
    assert not of_today(0, days(300, 300, 300, 300, 300, 300, 300)).passed


def test_days_that_vary_much_allow_much() -> None:
    varied = days(*[100, 500, 150, 450, 300, 200, 400] * 2)
    assert of_today(60, varied).passed
    assert not of_today(20, varied).passed


def test_small_counts_vary_by_chance() -> None:
    few = days(*[3, 4, 2, 3, 3, 5, 2] * 2)
    assert of_today(0, few).passed
    assert of_today(8, few).passed
    assert not of_today(40, few).passed
    assert not of_today(0, days(*[12] * 14)).passed
    assert of_today(0, days(*[12] * 14)).severity is WARN


def test_small_counts_that_never_varied_may_vary_by_chance_too() -> None:
    even = days(*[4] * 14)
    assert of_today(0, even).passed
    assert of_today(10, even).passed
    assert not of_today(11, even).passed


def test_no_more_than_fourteen_days_before_are_looked_at() -> None:
    assert of_today(50, days(*[1000] * 30, *[50] * 14)).passed
    assert not of_today(1000, days(*[1000] * 30, *[50] * 14)).passed


def test_a_special_day_is_not_compared_but_may_not_collapse() -> None:
    def special(day: date) -> bool:
        return day == TODAY or day.day < 14

    assert of_today(100, special=special, least_days=5).passed
    assert of_today(1, special=special, least_days=5).severity is ERROR
    # Of the fourteen days before, eight are special too.
    assert of_today(1, special=special).passed


def test_many_days_of_one_run_are_judged_by_each_other_and_the_bad_ones_named() -> None:
    counts = days(*[100] * 300)
    counts[date(2025, 12, 24)], counts[date(2026, 2, 2)] = 0, 260
    result = row_count_anomaly("rows", counts, {})
    assert (result.passed, result.severity) == (False, ERROR)
    assert result.metadata["bad_partitions"].value == ["2025-12-24", "2026-02-02"]
    assert (result.metadata["judged"].value, result.metadata["too_little_history"].value) == (293, 7)


def test_counts_are_those_of_the_newest_materialization_of_each_partition() -> None:
    key, instance = dg.AssetKey("a"), dg.DagsterInstance.ephemeral()

    def report(partition: str, rows: int | None) -> None:
        metadata = {} if rows is None else {"dagster/partition_row_count": rows}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=partition, metadata=metadata)
        )

    report("2026-03-02", 7)
    for number in range(250):
        report("2026-03-01", number)
    report("2026-03-03", None)
    report("2026-03-04", 4)
    asked = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-05"]
    assert recorded_row_counts(instance, key, asked) == {"2026-03-01": 249, "2026-03-02": 7}
    assert recorded_row_counts(instance, key, []) == {}


def test_counts_of_more_partitions_than_are_read_at_once() -> None:
    key, instance = dg.AssetKey("a"), dg.DagsterInstance.ephemeral()
    expected = {f"p{number}": number for number in range(205)}
    for partition, rows in expected.items():
        metadata = {"dagster/partition_row_count": rows}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=partition, metadata=metadata)
        )
    assert recorded_row_counts(instance, key, list(expected)) == expected


def test_the_newest_of_each_parts_counts_is_judged_by_those_before_it() -> None:
    loads = {"a": [100] * 7 + [9], "b": [100] * 7 + [40], "c": [100] * 6 + [1], "d": [], "e": [100] * 8}
    result = newest_count_anomaly("rows", loads)
    assert (result.passed, result.severity) == (False, ERROR)
    assert result.metadata["bad_partitions"].value == ["a", "b"]
    assert (result.metadata["judged"].value, result.metadata["too_little_history"].value) == (3, 2)
    assert newest_count_anomaly("rows", {"b": loads["b"]}).severity is WARN
    unknown = newest_count_anomaly("rows", {"c": loads["c"], "d": []})
    assert unknown.passed
    assert unknown.description == "No verdict: fewer than 7 counts before are known"


def test_only_so_many_counts_before_are_looked_at() -> None:
    assert newest_count_anomaly("rows", {"a": [1000] * 20 + [50] * 14 + [50]}).passed
    assert not newest_count_anomaly("rows", {"a": [1000] * 20 + [50] * 14 + [1000]}).passed


def test_more_than_usual_may_be_normal() -> None:
    assert not newest_count_anomaly("rows", {"a": [100] * 14 + [400]}).passed
    assert newest_count_anomaly("rows", {"a": [100] * 14 + [400]}, Allowance(more=False)).passed
    assert not newest_count_anomaly("rows", {"a": [100] * 14 + [40]}, Allowance(more=False)).passed
