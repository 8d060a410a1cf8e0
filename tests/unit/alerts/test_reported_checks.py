"""Checks that somebody reports from outside of runs: the same causes as those that runs evaluate."""

import json

import pytest

from slipway.alerts.checks import EVERY_SECONDS
from support.dagster_double import Dagster, evaluation
from support.watching import Watch

FAILING = "Failing [orders]: Check complete of raw failed"
RESOLVED = "Resolved [orders]: Check complete of raw failed"


def test_a_reported_failure_is_told_once_and_its_end(watch: Watch, dagster: Dagster) -> None:
    for _ in range(3):
        dagster.report(success=False)
        watch.pass_time(40)
    assert watch.told(60) == [FAILING]
    (line,) = watch.lines()
    assert line["owners"] == ["team:alpha"]
    assert line["lines"]["Where"] == "orders, reported from outside"
    assert line["lines"]["Cause"] == "3 rows are lost"
    assert line["link"] == "http://web/assets/raw?view=checks&checkDetail=complete"
    dagster.report(success=True)
    assert watch.told(60)[1:] == [RESOLVED]
    assert "3 times" in watch.lines()[1]["lines"]["Lasted"]
    assert len(watch.told(600)) == 2


def test_a_run_and_a_report_speak_of_the_same_check(watch: Watch, dagster: Dagster) -> None:
    dagster.end_run("SUCCESS", evaluation(success=False))
    dagster.report(success=False, run="run-0")
    assert watch.told(60) == [FAILING]
    assert watch.watcher.ledger.causes.popitem()[1].count == 1, (
        "what a run evaluates is not counted as reported"
    )
    watch.start()
    dagster.report(success=True)
    assert watch.told(60)[1:] == [RESOLVED]
    dagster.report(success=False)
    watch.pass_time(90)
    dagster.end_run("SUCCESS", evaluation(success=True))
    assert watch.told(60)[2:] == [FAILING, RESOLVED]


def test_a_warning_is_not_told_and_partitions_are_told_apart(watch: Watch, dagster: Dagster) -> None:
    dagster.report(success=False, severity="WARN")
    assert watch.told(120) == []
    dagster.report(success=False, partition="2026-01-01")
    dagster.report(success=False, partition="2026-01-02")
    dagster.report(success=True, partition="2026-01-01")
    assert watch.told(120) == [FAILING]
    dagster.report(success=True)
    assert len(watch.told(120)) == 1
    dagster.report(success=True, partition="2026-01-02")
    assert watch.told(120)[1:] == [RESOLVED]


def test_a_burst_is_read_to_its_end(watch: Watch, dagster: Dagster) -> None:
    for number in range(365):
        dagster.report(success=False, partition=f"day {number}")
    watch.pass_time(EVERY_SECONDS + 5)
    (cause,) = watch.watcher.ledger.causes.values()
    assert cause.count == len(cause.subjects) == 365
    dagster.pages = 0
    watch.pass_time(EVERY_SECONDS * 10)
    assert dagster.pages <= 50, "pages are turned no further than the look back reaches"
    assert cause.count == 365


def test_what_is_reported_while_nobody_watches_is_told_and_what_was_before_is_not(
    tmp_path, dagster: Dagster
) -> None:
    dagster.report(success=False)
    dagster.now += 60
    watch = Watch(tmp_path, dagster)
    assert watch.told(300) == []
    dagster.now += 36_000
    dagster.report(success=False)
    dagster.now += 36_000
    watch.start()
    assert watch.told(60) == [FAILING]
    watch.start()
    assert len(watch.told(600)) == 1


def test_a_memory_of_an_older_watcher_begins_where_that_had_ended(watch: Watch, dagster: Dagster) -> None:
    dagster.report(success=False)
    dagster.now += 3600
    old = json.loads(watch.watcher.file.path.read_text())
    old["polled"] = dagster.now
    for name in ("checked", "reported", "backfills", "reminded"):
        del old[name]
    watch.watcher.file.path.write_text(json.dumps(old))
    watch.start()
    assert watch.told(120) == []
    dagster.report(success=False)
    assert watch.told(120) == [FAILING]


def test_a_check_of_a_location_that_can_not_be_loaded_is_asked_after(watch: Watch, dagster: Dagster) -> None:
    watch.pass_time(60)
    dagster.assets = []
    dagster.report(success=False)
    assert watch.told(120) == [FAILING]


def test_of_many_checks_it_is_asked_more_rarely(watch: Watch, dagster: Dagster) -> None:
    dagster.checks = [f"check {number}" for number in range(1000)]
    watch.pass_time(200)
    dagster.pages = 0
    watch.pass_time(1000)
    assert 80 <= dagster.pages <= 110, "ten questions, each 100 seconds"


def test_a_webserver_that_refuses_it_is_not_called_dead(
    watch: Watch, dagster: Dagster, caplog: pytest.LogCaptureFixture
) -> None:
    dagster.refuses_checks = True
    assert watch.told(300) == []
    assert "Asset checks require an instance migration" in caplog.text
    dagster.late = ["raw"]
    assert watch.told(180) == ["Failing [orders]: raw is late"]
