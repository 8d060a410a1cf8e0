"""What the watcher makes of a webserver's answers: one message for each root cause, and none twice."""

from pathlib import Path

import pytest

from slipway.alerts.overview import open_causes
from slipway.alerts.state import MemoryFile
from slipway.local.errors import LocalPlatformError
from support.dagster_double import Dagster, evaluation, step_failure
from support.receivers import Webhook, closing
from support.watching import Watch

TELLING = "the supplier sent 17 rows without a country"


def test_forty_runs_that_fail_alike_are_one_message_with_their_number(watch: Watch, dagster: Dagster) -> None:
    for number in range(40):
        failure = step_failure("raw", f"the supplier sent {number} rows without a country")
        dagster.end_run("FAILURE", failure, will_retry="false", partition=f"2026-01-{number}")
    assert watch.told(60) == ["Failing [orders]: Step raw failed"]
    (line,) = watch.lines()
    assert line["lines"]["Since"].endswith(", 40 times")
    assert line["owners"] == ["team:alpha"]
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    assert len(watch.told(600)) == 1
    for number in range(40):
        dagster.end_run("SUCCESS", succeeded=("raw",), partition=f"2026-01-{number}")
    assert len(watch.told(60)) == 1, "one of them has not succeeded yet"
    dagster.end_run("SUCCESS", succeeded=("raw",))
    assert watch.told(60)[1:] == ["Resolved [orders]: Step raw failed"]
    assert "41 times" in watch.lines()[1]["lines"]["Lasted"]


def test_a_run_that_is_retried_fails_when_its_last_retry_has(watch: Watch, dagster: Dagster) -> None:
    first = dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="true")
    assert watch.told(120) == []
    dagster.tag(first, "auto_retry_run_id", "run-1")
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    assert watch.told(60) == ["Failing [orders]: Step raw failed"]
    assert ", " not in watch.lines()[0]["lines"]["Since"]


def test_a_retry_that_succeeds_is_no_news(watch: Watch, dagster: Dagster) -> None:
    first = dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="true")
    watch.pass_time(20)
    dagster.tag(first, "auto_retry_run_id", "run-1")
    dagster.end_run("SUCCESS", succeeded=("raw",))
    assert watch.told(1200) == []


@pytest.mark.parametrize("given_up", [True, False], ids=["taken back", "never comes"])
def test_a_retry_that_does_not_come_is_a_failure(watch: Watch, dagster: Dagster, *, given_up: bool) -> None:
    run = dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="true")
    watch.pass_time(100)
    if given_up:
        dagster.tag(run, "will_retry", "false")
    assert watch.told(60 if given_up else 1000) == ["Failing [orders]: Step raw failed"]


def test_a_run_whose_tag_is_not_there_yet_is_waited_for(watch: Watch, dagster: Dagster) -> None:
    run = dagster.end_run("FAILURE", step_failure("raw", TELLING))
    watch.pass_time(5)
    dagster.tag(run, "will_retry", "true")
    assert watch.told(120) == []


def test_a_run_without_a_failed_step_and_one_that_was_cancelled(watch: Watch, dagster: Dagster) -> None:
    end = {"__typename": "RunFailureEvent", "message": "The run's process was lost.", "error": None}
    dagster.end_run("FAILURE", end, will_retry="false")
    dagster.end_run("CANCELED")
    assert watch.told(60) == ["Failing [orders]: A run of job nightly failed"]
    assert watch.lines()[0]["lines"]["Cause"] == "The run's process was lost."
    dagster.end_run("SUCCESS")
    assert len(watch.told(60)) == 2


def test_a_check_is_one_cause_with_the_run_that_it_stopped(watch: Watch, dagster: Dagster) -> None:
    blocked = step_failure("raw", "Blocking check 'complete' failed", "DagsterAssetCheckFailedError")
    dagster.end_run("FAILURE", evaluation(success=False), blocked, will_retry="false")
    dagster.end_run("SUCCESS", evaluation(success=False, severity="WARN", partition="x"))
    dagster.end_run("SUCCESS", evaluation(success=False, partition="y"))
    assert watch.told(60) == ["Failing [orders]: Check complete of raw failed"]
    dagster.end_run("SUCCESS", evaluation(success=True))
    assert len(watch.told(60)) == 1, "partition y has not passed yet"
    dagster.end_run("SUCCESS", evaluation(success=True, partition="y"))
    assert watch.told(60)[1:] == ["Resolved [orders]: Check complete of raw failed"]


def test_a_step_that_fails_beside_a_check_is_a_cause_of_its_own(watch: Watch, dagster: Dagster) -> None:
    blocked = step_failure("raw", "Blocking check 'complete' failed", "DagsterAssetCheckFailedError")
    other = step_failure("daily", "the table of currencies is empty")
    dagster.end_run("FAILURE", evaluation(success=False), blocked, other, will_retry="false")
    assert sorted(watch.told(60)) == [
        "Failing [orders]: Check complete of raw failed",
        "Failing [orders]: Step daily failed",
    ]


def test_a_sensor_is_told_when_it_begins_to_fail_and_when_it_goes_well(
    watch: Watch, dagster: Dagster
) -> None:
    for number in range(1, 30):
        dagster.tick("FAILURE", number)
        watch.pass_time(10)
    assert watch.told() == ["Failing [orders]: Sensor s fails"]
    dagster.tick("STARTED", 30)
    assert len(watch.told(30)) == 1
    dagster.ticks[-1]["status"] = "SKIPPED"
    assert watch.told(30)[1:] == ["Resolved [orders]: Sensor s fails"]
    assert "29 times" in watch.lines()[1]["lines"]["Lasted"]
    assert len(watch.told(600)) == 2


def test_one_failed_tick_between_good_ones_is_seen_and_a_switched_off_sensor_is_over(
    watch: Watch, dagster: Dagster
) -> None:
    for number, status in enumerate(("SUCCESS", "FAILURE", "SUCCESS"), 1):
        dagster.now += 1
        dagster.tick(status, number)
    assert watch.told(60) == ["Failing [orders]: Sensor s fails", "Resolved [orders]: Sensor s fails"]
    dagster.tick("FAILURE", 4)
    watch.pass_time(60)
    dagster.sensing = "STOPPED"
    assert len(watch.told(60)) == 4


def test_what_happened_while_the_watcher_was_down_is_told_and_nothing_twice(
    watch: Watch, dagster: Dagster
) -> None:
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false", partition="1")
    assert len(watch.told(60)) == 1
    dagster.now += 3600
    dagster.end_run("FAILURE", step_failure("daily", "the table of currencies is empty"), will_retry="false")
    dagster.tick("FAILURE", 1, to=dagster.missed)
    dagster.now += 3600
    dagster.tick("SUCCESS", 9)
    dagster.end_run("SUCCESS", succeeded=("raw",), partition="1")
    dagster.now += 3600
    watch.start()
    assert sorted(watch.told(120)[1:]) == [
        "Failing [orders]: Sensor s fails",
        "Failing [orders]: Step daily failed",
        "Resolved [orders]: Sensor s fails",
        "Resolved [orders]: Step raw failed",
    ]
    watch.start()
    assert len(watch.told(600)) == 5


def test_a_backlog_is_worked_off_in_pieces(watch: Watch, dagster: Dagster) -> None:
    for number in range(450):
        dagster.now += 1
        dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false", partition=str(number))
    watch.start()
    assert watch.told(5) == []
    assert [cause.count for cause in open_causes(watch.folder)] == [200]
    assert watch.told(60) == ["Failing [orders]: Step raw failed"]
    assert [cause.count for cause in open_causes(watch.folder)] == [450]


def test_what_happened_before_the_very_first_start_is_not_told(tmp_path: Path, dagster: Dagster) -> None:
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    dagster.tick("FAILURE", 1)
    dagster.late = ["raw"]
    dagster.now += 60
    watch = Watch(tmp_path, dagster)
    assert watch.told(300) == []
    dagster.tick("FAILURE", 2)
    assert watch.told(60) == ["Failing [orders]: Sensor s fails"]


def test_silences_are_read_anew_and_end(tmp_path: Path, dagster: Dagster) -> None:
    watch = Watch(tmp_path, dagster)
    silence = "[[silences]]\nmatch = 'run orders *'\nuntil = 1970-01-01T01:00:00Z\n"
    (tmp_path / "alerts.toml").write_text(silence)
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    assert watch.told(300) == []
    assert [cause.title for cause in open_causes(tmp_path)] == ["Step raw failed"]
    (tmp_path / "alerts.toml").write_text("no TOML")
    assert watch.told(30) == [], "a broken file changes nothing"
    dagster.now = 3600
    assert watch.told(60) == ["Failing [orders]: Step raw failed"]


def test_what_is_over_before_its_silence_is_never_told(tmp_path: Path, dagster: Dagster) -> None:
    silence = "[[silences]]\nmatch = 'run orders *'\nuntil = 1970-01-01T01:00:00Z\n"
    watch = Watch(tmp_path, dagster, silence)
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    watch.pass_time(60)
    dagster.end_run("SUCCESS", succeeded=("raw",))
    assert watch.told(4000) == []


def test_what_waits_goes_out_at_once_after_a_restart(
    tmp_path: Path, dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(tmp_path, dagster, '[channels.chat]\ntype = "slack"\nurl_variable = "CHAT"\n')
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    watch.pass_time(1200)
    hook = Webhook()
    monkeypatch.setenv("CHAT", hook.url)
    with closing(hook):
        watch.start()
        watch.pass_time(5)
        assert hook.texts() == ["Failing [orders]: Step raw failed"]


def test_a_dead_mans_switch_is_asked_once_a_minute(
    tmp_path: Path, dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Webhook()
    monkeypatch.setenv("SWITCH", hook.url)
    with closing(hook):
        Watch(tmp_path, dagster, 'heartbeat_variable = "SWITCH"\n').pass_time(180)
    assert len(hook.tries) == 4


def test_a_full_disk_holds_up_no_message(
    watch: Watch, dagster: Dagster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slipway.alerts.state.write_private", full)
    dagster.end_run("FAILURE", step_failure("raw", TELLING), will_retry="false")
    assert watch.told(120) == ["Failing [orders]: Step raw failed"]
    assert "No space left on device" in caplog.text


def test_one_watcher_at_a_time_and_a_damaged_memory_is_named(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path)
    with file.held(), pytest.raises(LocalPlatformError, match="Another watcher"), MemoryFile(tmp_path).held():
        pass
    for text in ("{", '{"began": 1, "polled": 1, "updated": 1, "format": 0}', '{"other": 1}'):
        file.path.write_text(text)
        with pytest.raises(LocalPlatformError, match="can't be read"):
            file.read(0)


def test_the_memory_stays_small(watch: Watch, dagster: Dagster) -> None:
    for _ in range(500):
        dagster.end_run("SUCCESS")
        dagster.now += 1
    watch.pass_time(5)
    assert len(watch.watcher.memory.seen) < 500
    dagster.now += 86_400
    watch.pass_time(130)
    assert watch.watcher.memory.seen == {}
    assert watch.watcher.memory.updated > 86_400
