"""What is seen anew at every look, and when it is told: late assets, locations, the daemon, the webserver."""

from support.dagster_double import Dagster
from support.watching import Watch


def test_a_late_asset_is_told_unless_something_before_it_is_the_reason(
    watch: Watch, dagster: Dagster
) -> None:
    dagster.late = ["raw", "daily"]
    assert watch.told(180) == ["Failing [orders]: raw is late"]
    assert "last materialized 2 h ago" in watch.lines()[0]["lines"]["Cause"]
    dagster.late = ["daily"]
    assert watch.told(180)[1:] == ["Resolved [orders]: raw is late", "Failing [orders]: daily is late"]
    dagster.late = []
    assert watch.told(180)[3:] == ["Resolved [orders]: daily is late"]


def test_a_consequence_that_ends_with_its_cause_is_never_told(watch: Watch, dagster: Dagster) -> None:
    dagster.late = ["raw", "daily"]
    watch.pass_time(180)
    dagster.late = []
    assert watch.told(180) == ["Failing [orders]: raw is late", "Resolved [orders]: raw is late"]


def test_a_consequence_gets_time_to_pass_once_its_cause_is_over(watch: Watch, dagster: Dagster) -> None:
    dagster.late = ["raw", "daily"]
    watch.pass_time(180)
    dagster.late = ["daily"]
    watch.pass_time(30)
    dagster.late = []
    assert watch.told(180) == ["Failing [orders]: raw is late", "Resolved [orders]: raw is late"]


def test_a_location_may_be_away_for_a_moment(watch: Watch, dagster: Dagster) -> None:
    dagster.broken = "Could not reach user code server"
    watch.pass_time(30)
    dagster.broken = ""
    assert watch.told(120) == []
    dagster.broken = "RuntimeError: the supplier renamed a column"
    assert watch.told(120) == ["Failing [orders]: Code location orders can't be loaded"]
    dagster.broken = ""
    assert len(watch.told(60)) == 2


def test_a_dead_daemon_is_told_but_not_while_it_is_only_starting(watch: Watch, dagster: Dagster) -> None:
    dagster.stop_daemon()
    assert watch.told(80) == []
    assert watch.told(60) == ["Failing: The daemon gives no sign of life"]
    watch.start()
    dagster.now += 36_000
    assert len(watch.told(300)) == 1, "neither over nor told again after a restart"
    dagster.start_daemon()
    assert watch.told(30)[1:] == ["Resolved: The daemon gives no sign of life"]


def test_one_dead_part_of_the_daemon_is_named_and_none_of_a_dead_one(watch: Watch, dagster: Dagster) -> None:
    dagster.stop_daemon("SENSOR")
    assert watch.told(170) == []
    assert watch.told(30) == ["Failing: The daemon's part SENSOR gives no sign of life"]
    dagster.start_daemon()
    assert len(watch.told(30)) == 2
    dagster.stop_daemon()
    assert watch.told(600)[2:] == ["Failing: The daemon gives no sign of life"]


def test_after_a_night_the_daemon_has_time_for_its_first_heartbeat(watch: Watch, dagster: Dagster) -> None:
    dagster.stop_daemon()
    dagster.now += 36_000
    watch.start()
    assert watch.told(80) == []
    dagster.start_daemon()
    assert watch.told(600) == []


def test_a_webserver_that_does_not_answer(watch: Watch, dagster: Dagster) -> None:
    dagster.silent = "ConnectError: Connection refused"
    assert watch.told(50) == []
    assert watch.told(60) == ["Failing: The webserver does not answer"]
    assert watch.lines()[0]["lines"]["Cause"] == "ConnectError: Connection refused"
    dagster.silent = ""
    assert len(watch.told(30)) == 2


def test_a_webserver_that_starts_with_the_watcher_has_time_to(watch: Watch, dagster: Dagster) -> None:
    dagster.silent = "ConnectError: Connection refused"
    (watch.folder / "alerts.toml").write_text("grace_seconds = 1")
    watch.start()
    watch.pass_time(50)
    dagster.silent = ""
    assert watch.told(30) == []
