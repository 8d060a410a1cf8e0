"""Alerts through a real platform: each fault gives one message, by webhook, e-mail or file, to the one who owns it."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from slipway.alerts.overview import open_causes
from slipway.local.backfill.assets import Asset
from slipway.local.backfill.launches import Backfills
from slipway.local.backfill.plan import Target
from support.receivers import Webhook, wait_until
from support.watched import BROKEN, OTHER, WITHOUT_LETTERS, Watched, watched_platform

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watched_platform() as made:
        yield made


FAILING = {
    "slack": [
        "Failing [probe]: Step boom failed",
        "Failing [probe]: Check by_hand of inspected failed",
        "Failing [probe]: Sensor twitching fails",
        "Failing [probe]: late is late",
    ],
    "mail": ["Failing [probe]: Check complete of checked failed"],
    "file": [
        "Failing [probe]: Schedule clockwork fails",
        "Failing [other]: Code location other can't be loaded",
    ],
}
RESOLVED = {
    name: [one.replace("Failing", "Resolved") for one in subjects] for name, subjects in FAILING.items()
}


def test_each_fault_is_told_once_to_its_owner(watched: Watched) -> None:
    web = watched.platform.web
    watched.materialize("late")
    watched.materialize("later")
    for name in ("boom", "complete", "twitching", "clockwork"):
        watched.fault(name, there=True)
    watched.break_other(BROKEN)
    watched.report_by_rest(passed=False)
    run = web.launch("probe", "booming", {})
    blocked = web.launch("probe", "checking", {})
    watched.wait_for(FAILING)
    assert {watched.platform.wait_for_run(each) for each in (run, blocked)} == {"FAILURE"}
    # Neither the run that its check stopped, nor what is late because something before it is, is a cause of its own.
    told = {
        title: count for counts in watched.told().values() for title, count in counts.items() if "[" in title
    }
    assert told == {title: 1 for subjects in FAILING.values() for title in subjects}
    (body,) = [json.dumps(each) for each in watched.webhook.taken if "boom" in each["text"]]
    for said in (
        "rows without a country",
        "probe, job booming",
        "team:alpha",
        f"https://dagster.example.com/runs/{run}",
    ):
        assert said in body
    (mail,) = watched.mail.taken
    assert "3 of 10 rows are lost" in mail.get_content()
    assert mail["To"] == "someone@example.com"


def test_open_causes_are_shown(watched: Watched) -> None:
    listed = watched.platform.slipway("alerts", "list").stdout
    for said in ("Step boom failed", "Sensor twitching fails", "clockwork", "can't be loaded", "mail"):
        assert said in listed
    # `later` is late too, and told to nobody.
    assert "alerts: 8 open" in watched.platform.slipway("status").stdout


def test_a_restarted_watcher_tells_nothing_twice_and_the_end_once(watched: Watched) -> None:
    watched.restart_watcher()
    for name in ("boom", "complete", "twitching", "clockwork"):
        watched.fault(name, there=False)
    watched.platform.supervisor.stop("watcher")
    watched.break_other(OTHER)
    web = watched.platform.web
    for job in ("booming", "checking"):
        assert watched.platform.wait_for_run(web.launch("probe", job, {})) == "SUCCESS"
    watched.materialize("late")
    watched.materialize("later")
    watched.report_by_graphql(passed=True)
    # All of this happened while nobody watched.
    watched.platform.supervisor.start("watcher")
    watched.wait_for(RESOLVED)
    watched.wait_for(FAILING)
    wait_until(lambda: not open_causes(watched.platform.state.alerts), watched.log)
    watched.platform.supervisor.stop("watcher")
    assert watched.filed().count("Failing [probe]: later is late") == 0


def test_twenty_runs_that_fail_alike_are_one_message_whatever_the_webhook_answers(watched: Watched) -> None:
    """The webhook fails, limits the rate and is away for a while; the watcher is restarted in between."""
    before = len(watched.webhook.taken)
    watched.fault("boom", there=True)
    watched.webhook.answers = [(500, {}), (429, {"Retry-After": "3"}), (503, {})]
    watched.restart_watcher()
    runs = [watched.platform.web.launch("probe", "booming", {"slipway/test": "alike"}) for _ in range(20)]
    port = watched.webhook.port
    tries = len(watched.webhook.tries)
    wait_until(lambda: len(watched.webhook.tries) >= tries + 2, watched.log)
    watched.webhook.close()
    watched.restart_watcher()
    assert {watched.platform.wait_for_run(run) for run in runs} == {"FAILURE"}
    taken = watched.webhook.taken
    watched.webhook = Webhook(port)
    watched.webhook.taken = taken
    wait_until(lambda: _times(watched) == 20, watched.log)
    watched.restart_watcher()
    watched.fault("boom", there=False)
    assert watched.platform.wait_for_run(watched.platform.web.launch("probe", "booming", {})) == "SUCCESS"
    wait_until(lambda: "Resolved [probe]: Step boom failed" in watched.webhook.texts()[before:], watched.log)
    told = [body for body in watched.webhook.taken[before:] if "boom" in body["text"]]
    assert [body["text"].split(" [")[0] for body in told] == ["Failing", "Resolved"]
    assert "20 times" in json.dumps(told[1])


def test_a_backfill_that_fails_without_a_run_is_told_reminded_of_and_over_when_resumed(
    watched: Watched,
) -> None:
    """Between its launch and the daemon's first look its asset goes away."""
    platform, title = watched.platform, "[other]: A backfill of letters failed"
    letters = Asset("letters", "other", definition="Letters.", partitions=("a", "b"))
    platform.supervisor.stop("daemon")
    backfills = Backfills(platform.web)
    backfill = backfills.launch([Target(letters, letters.partitions)], "letters", {})
    watched.break_other(WITHOUT_LETTERS)
    platform.supervisor.start("daemon")
    watched.wait_for({"slack": [f"Failing {title}"]})
    assert not any(backfills.progress(backfill).runs.values())
    (body,) = [json.dumps(each) for each in watched.webhook.taken if title in each["text"]]
    for said in ("other, backfill " + backfill, "letters", "team:alpha", f"/runs/b/{backfill}"):
        assert said in body
    watched.remind_after(0.01)
    # One message for all that is open in this channel: `late` may be late again.
    wait_until(lambda: _reminders_of(watched, "A backfill of letters failed"), watched.log, 240)
    watched.remind_after(24)

    watched.break_other(OTHER)
    resumed = platform.slipway("backfill", "--resume", backfill)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    watched.wait_for({"slack": [f"Resolved {title}", f"Failing {title}"]})


def test_a_dead_daemon_and_a_dead_webserver_are_noticed_from_outside(watched: Watched) -> None:
    for process, title in (
        ("daemon", "The daemon gives no sign of life"),
        ("webserver", "The webserver does not answer"),
    ):
        before = Counter(watched.filed())
        watched.platform.supervisor.stop(process)
        wait_until(lambda: (Counter(watched.filed()) - before)[f"Failing: {title}"], watched.log, 240)  # noqa: B023
        watched.restart_watcher()
        watched.platform.supervisor.start(process)
        wait_until(lambda: (Counter(watched.filed()) - before)[f"Resolved: {title}"], watched.log, 240)  # noqa: B023
        new = Counter(watched.filed()) - before
        assert {one: new[one] for one in new if title in one} == {
            f"Failing: {title}": 1,
            f"Resolved: {title}": 1,
        }
    assert "the-secret" not in (watched.platform.state.logs / "watcher.log").read_text()


def _reminders_of(watched: Watched, title: str) -> list[str]:
    reminders = [body for body in watched.webhook.taken if body["text"].startswith("Still failing")]
    return [json.dumps(body) for body in reminders if title in json.dumps(body)]


def _times(watched: Watched) -> int:
    return sum(cause.count for cause in open_causes(watched.platform.state.alerts) if cause.kind == "run")
