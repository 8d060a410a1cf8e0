"""Backfills that the daemon gives up without any run."""

from slipway.alerts.overview import open_causes
from support.dagster_double import Dagster
from support.watching import Watch

LOST = "Asset raw existed at storage-time, but no longer does."
FAILING = "Failing [orders]: A backfill of raw failed"
RESOLVED = "Resolved [orders]: A backfill of raw failed"


def test_backfills_that_fail_alike_are_one_message(watch: Watch, dagster: Dagster) -> None:
    watch.pass_time(30)
    for _ in range(5):
        dagster.end_backfill("FAILED", LOST)
    assert watch.told(90) == [FAILING]
    (line,) = watch.lines()
    assert line["owners"] == ["team:alpha"]
    assert line["lines"]["Where"] == "orders, backfill backfill-4"
    assert line["lines"]["Cause"] == f"DagsterAssetBackfillDataLoadError: {LOST}"
    assert line["lines"]["Since"].endswith(", 5 times")
    assert "slipway backfill --resume" in line["lines"]["Next"]
    assert line["link"] == "http://web/runs/b/backfill-4"
    watch.start()
    assert len(watch.told(600)) == 1


def test_it_is_told_when_it_is_given_up_and_not_again_when_it_has_ended(
    watch: Watch, dagster: Dagster
) -> None:
    watch.pass_time(30)
    dagster.end_backfill("FAILING", LOST)
    assert watch.told(90) == [FAILING]
    dagster.backfills[0]["status"] = "FAILED"
    assert len(watch.told(300)) == 1
    assert [cause.count for cause in open_causes(watch.folder)] == [1]


def test_it_is_over_when_what_resumes_it_succeeds(watch: Watch, dagster: Dagster) -> None:
    watch.pass_time(30)
    first = dagster.end_backfill("FAILED", LOST)
    watch.pass_time(90)
    dagster.now += 60
    second = dagster.end_backfill("COMPLETED_FAILED", parent_backfill_id=first, root_backfill_id=first)
    assert watch.told(90) == [FAILING]
    dagster.end_backfill("COMPLETED_SUCCESS", partitions=3, parent_backfill_id=second, root_backfill_id=first)
    assert watch.told(90) == [FAILING, RESOLVED]


def test_it_is_over_when_as_much_of_the_same_succeeds(watch: Watch, dagster: Dagster) -> None:
    dagster.end_backfill("COMPLETED_SUCCESS")
    watch.pass_time(120)
    dagster.end_backfill("FAILED", LOST)
    watch.pass_time(90)
    dagster.now += 60
    dagster.end_backfill("COMPLETED_SUCCESS", partitions=9)
    dagster.end_backfill("COMPLETED_SUCCESS")
    dagster.backfills[-1]["assetSelection"] = [{"path": ["daily"]}]
    assert watch.told(90) == [FAILING]
    dagster.end_backfill("COMPLETED_SUCCESS")
    assert watch.told(90) == [FAILING, RESOLVED]


def test_one_that_was_launched_before_makes_up_for_nothing(watch: Watch, dagster: Dagster) -> None:
    watch.pass_time(30)
    dagster.end_backfill("FAILED", LOST)
    dagster.backfills[-1]["assetSelection"] = [{"path": ["daily"]}]
    dagster.now += 60
    dagster.end_backfill("FAILED", LOST)
    watch.pass_time(90)
    dagster.end_backfill("COMPLETED_SUCCESS")
    dagster.backfills[-1]["timestamp"] = dagster.backfills[-2]["timestamp"] - 1
    assert len(watch.told(90)) == 1, watch.told()
    dagster.backfills[-1]["timestamp"] += 2
    assert len(watch.told(90)) == 1, "daily's is still open, and alike"


def test_one_that_failed_with_its_location_is_told_only_if_it_outlasts_that(
    watch: Watch, dagster: Dagster
) -> None:
    watch.pass_time(30)
    dagster.broken = "RuntimeError: the supplier renamed a column"
    watch.pass_time(10)
    dagster.end_backfill("FAILED", LOST)
    assert watch.told(300) == ["Failing [orders]: Code location orders can't be loaded"]
    dagster.broken = ""
    assert watch.told(120)[1:] == ["Resolved [orders]: Code location orders can't be loaded", FAILING]


def test_those_before_the_very_first_start_are_not_told_and_those_of_the_night_are(
    tmp_path, dagster: Dagster
) -> None:
    dagster.end_backfill("FAILED", LOST)
    watch = Watch(tmp_path, dagster)
    assert watch.told(300) == []
    dagster.now += 36_000
    dagster.end_backfill("FAILED", "The partitions of raw have changed")
    dagster.now += 36_000
    watch.start()
    assert watch.told(60) == [FAILING]


def test_a_job_s_backfill_is_told_to_its_location_s_owner(tmp_path, dagster: Dagster) -> None:
    watch = Watch(tmp_path, dagster, '[locations]\norders = "team:orders"\n')
    watch.pass_time(30)
    dagster.end_backfill("FAILED", "")
    dagster.backfills[-1] |= {"assetSelection": None, "jobName": "nightly"}
    assert watch.told(90) == ["Failing [orders]: A backfill of job nightly failed"]
    assert watch.lines()[0]["owners"] == ["team:orders"]
    assert watch.lines()[0]["lines"]["Cause"] == "No reason was recorded"
