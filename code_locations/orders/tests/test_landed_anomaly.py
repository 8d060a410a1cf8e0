"""Whether a day that has brought few files is noticed, in the job that judges it."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from test_schedule import RESOURCES

from orders.definitions import build_defs
from orders.defs.arrivals.assets import KEY

DAY = date(2026, 3, 20)


def judged(counts: dict[date, list[int]], tags: dict[str, str]) -> dg.AssetCheckEvaluation:
    """Return what the check says after files have brought each day to these counts, one after the other."""
    job = dg.define_asset_job("judge", dg.AssetSelection.checks(dg.AssetCheckKey(KEY, "row_count_anomaly")))
    defs = dg.Definitions.merge(build_defs(resources=RESOURCES), dg.Definitions(jobs=[job]))
    with dg.DagsterInstance.ephemeral() as instance:
        for day, rows in counts.items():
            for each in rows:
                said = {"dagster/partition_row_count": each}
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(KEY, partition=day.isoformat(), metadata=said)
                )
        (check,) = (
            defs.resolve_job_def("judge")
            .execute_in_process(instance=instance, tags=tags)
            .get_asset_check_evaluations()
        )
    return check


def fortnight(until: date, days: int = 14) -> dict[date, list[int]]:
    return {until - timedelta(days=number): [100] for number in range(1, days + 1)}


@pytest.mark.parametrize(
    ("rows", "days_before", "verdict"),
    [
        (100, 14, (True, dg.AssetCheckSeverity.WARN)),
        (40, 14, (False, dg.AssetCheckSeverity.WARN)),
        (None, 14, (False, dg.AssetCheckSeverity.ERROR)),
        # Too little is known after the first deliveries, and where no file has ever landed.
        (1, 6, (True, dg.AssetCheckSeverity.WARN)),
        (None, 0, (True, dg.AssetCheckSeverity.WARN)),
    ],
)
def test_a_day_is_judged_by_the_fortnight_before(
    rows: int | None, days_before: int, verdict: tuple[bool, dg.AssetCheckSeverity]
) -> None:
    landed = {**fortnight(DAY, days_before), **({DAY: [5, rows]} if rows else {})}
    check = judged(landed, {"dagster/partition": DAY.isoformat()})
    assert (check.passed, check.severity) == verdict


def test_a_run_over_several_days_judges_each_and_none_besides() -> None:
    few = DAY - timedelta(days=2)
    landed = {**fortnight(DAY + timedelta(days=1), 20), few: [30], DAY + timedelta(days=1): [3]}
    check = judged(
        landed,
        {
            "dagster/asset_partition_range_start": (DAY - timedelta(days=3)).isoformat(),
            "dagster/asset_partition_range_end": DAY.isoformat(),
        },
    )
    assert not check.passed
    assert check.metadata["judged"].value == 4
    assert check.metadata["bad_partitions"].value == [few.isoformat()]


def test_today_is_not_judged_as_its_files_are_still_coming() -> None:
    today = datetime.now(UTC).date()
    landed = {**fortnight(today), today: [1]}
    for tags in ({}, {"dagster/partition": today.isoformat()}):
        check = judged(landed, tags)
        assert check.passed
        assert check.metadata["rows"].value == 100


def test_the_daily_pipeline_judges_it() -> None:
    layer = build_defs(resources=RESOURCES).resolve_job_def("daily_pipeline").asset_layer
    assert dg.AssetCheckKey(KEY, "row_count_anomaly") in layer.asset_graph.asset_check_keys
    assert KEY not in layer.selected_asset_keys
