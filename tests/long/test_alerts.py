"""Alerts through a real platform: each fault gives one message, by webhook, e-mail or file, to the one who owns it."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from slipway.alerts.overview import open_causes
from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform
from support.receivers import MailServer, Webhook, closing, wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

# A fault is there as long as a file of its name lies beside the code.
PROBE = """
import random
from datetime import timedelta
from pathlib import Path

import dagster as dg

HERE = Path(__file__).parent


def fault(name: str) -> bool:
    return (HERE / name).exists()


@dg.asset(owners=["team:alpha"])
def boom() -> None:
    if fault("boom"):
        raise ValueError(f"the supplier sent {random.randrange(10**6)} rows without a country")


@dg.asset(owners=["someone@example.com"])
def checked() -> None:
    pass


@dg.asset_check(asset=checked, blocking=True, description="No row is lost.")
def complete() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=not fault("complete"), description="3 of 10 rows are lost")


@dg.asset(deps=[checked], owners=["team:alpha"])
def downstream() -> None:
    pass


@dg.asset(owners=["team:alpha"], freshness_policy=dg.FreshnessPolicy.time_window(timedelta(seconds=60)))
def late() -> None:
    pass


@dg.asset(deps=[late], freshness_policy=dg.FreshnessPolicy.time_window(timedelta(seconds=60)))
def later() -> None:
    pass


@dg.sensor(
    target=[boom], minimum_interval_seconds=2, owners=["team:alpha"], default_status=dg.DefaultSensorStatus.RUNNING
)
def twitching(_: dg.SensorEvaluationContext) -> dg.SkipReason:
    if fault("twitching"):
        raise RuntimeError("the bucket can't be listed")
    return dg.SkipReason("nothing new")


@dg.schedule(cron_schedule="* * * * *", target=[boom], default_status=dg.DefaultScheduleStatus.RUNNING)
def clockwork(_: dg.ScheduleEvaluationContext) -> dg.SkipReason:
    if fault("clockwork"):
        raise RuntimeError("the calendar can't be read")
    return dg.SkipReason("not now")


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(
        assets=[boom, checked, downstream, late, later],
        asset_checks=[complete],
        sensors=[twitching],
        schedules=[clockwork],
        jobs=[dg.define_asset_job("booming", [boom]), dg.define_asset_job("checking", [checked, downstream])],
        executor=dg.in_process_executor,
    )
"""
OTHER = "import dagster as dg\n\ndefs = dg.Definitions()\n"
BROKEN = 'raise RuntimeError("the supplier renamed a column")\n'
SETTINGS = """
poll_seconds = 1
gather_seconds = 4
grace_seconds = 6
daemon_stale_seconds = 75
ui = "https://dagster.example.com"
default = ["file"]

[channels.file]
type = "file"
[channels.alpha]
type = "slack"
url_variable = "ALPHA_WEBHOOK"
[channels.mail]
type = "email"
to = ["someone@example.com"]
from = "Slipway <slipway@example.com>"
host = "127.0.0.1"
port = {port}
security = "none"

[routes]
"team:alpha" = ["alpha"]
"someone@example.com" = ["mail"]
"""


@dataclass
class Watched:
    platform: Platform
    webhook: Webhook
    mail: MailServer

    @property
    def source(self) -> Path:
        return self.platform.root / "code_locations"

    def fault(self, name: str, *, there: bool) -> None:
        file = self.source / "probe" / "src" / "probe" / name
        file.touch() if there else file.unlink()

    def break_other(self, code: str) -> None:
        (self.source / "other" / "src" / "other" / "definitions.py").write_text(code)
        self.platform.slipway("reload", "other")

    def materialize(self, asset: str) -> None:
        httpx.post(
            f"{self.platform.web.url}/report_asset_materialization/{asset}", timeout=30
        ).raise_for_status()

    def filed(self) -> list[str]:
        file = self.platform.state.alerts / "alerts.jsonl"
        return (
            [json.loads(line)["subject"] for line in file.read_text().splitlines()] if file.exists() else []
        )

    def told(self) -> dict[str, Counter[str]]:
        return {
            "file": Counter(self.filed()),
            "slack": Counter(self.webhook.texts()),
            "mail": Counter(self.mail.subjects()),
        }

    def wait_for(self, expected: dict[str, list[str]], timeout: float = 240) -> None:
        """Wait until each of these was told, then make sure that each was told once, where it belongs."""
        missing = lambda: {  # noqa: E731
            name: [one for one in subjects if one not in self.told()[name]]
            for name, subjects in expected.items()
        }
        wait_until(lambda: not any(missing().values()), lambda: (missing(), self.log()), timeout)
        everywhere = sum(self.told().values(), Counter[str]())
        assert {one: everywhere[one] for subjects in expected.values() for one in subjects} == {
            one: 1 for subjects in expected.values() for one in subjects
        }

    def restart_watcher(self) -> None:
        self.platform.supervisor.stop("watcher")
        self.platform.supervisor.start("watcher")

    def log(self) -> str:
        return self.platform.supervisor.log_tail("watcher")


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", locations={"probe": PROBE, "other": OTHER})
    platform = Platform(StateFolder(folder / "state"), root)
    webhook, mail = Webhook(), MailServer()
    (root / "alerts.toml").write_text(SETTINGS.format(port=mail.port))
    with closing(webhook, mail):
        try:
            platform.up(ALPHA_WEBHOOK=webhook.url, FRESHNESS_DAEMON_INTERVAL_SECONDS="5")
            yield Watched(platform, webhook, mail)
        finally:
            platform.slipway("clean", "--yes")
            shutil.rmtree(folder, ignore_errors=True)


FAILING = {
    "slack": [
        "Failing [probe]: Step boom failed",
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
    assert "alerts: 7 open" in watched.platform.slipway("status").stdout


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


def _times(watched: Watched) -> int:
    return sum(cause.count for cause in open_causes(watched.platform.state.alerts) if cause.kind == "run")
