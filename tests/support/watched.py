"""A real platform that is watched, with code locations that fail on demand and receivers of what is told."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform
from support.receivers import MailServer, Webhook, closing, wait_until

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


@dg.asset(owners=["team:alpha"])
def inspected() -> None:
    pass


@dg.asset_check(asset=inspected, description="Somebody looks at it by hand, and reports.")
def by_hand() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


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
        assets=[boom, checked, downstream, inspected, late, later],
        asset_checks=[by_hand, complete],
        sensors=[twitching],
        schedules=[clockwork],
        jobs=[dg.define_asset_job("booming", [boom]), dg.define_asset_job("checking", [checked, downstream])],
        executor=dg.in_process_executor,
    )
"""
OTHER = """
import dagster as dg


@dg.asset(
    owners=["team:alpha"],
    partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def letters() -> None:
    pass


defs = dg.Definitions(assets=[letters])
"""
WITHOUT_LETTERS = "import dagster as dg\n\ndefs = dg.Definitions()\n"
BROKEN = 'raise RuntimeError("the supplier renamed a column")\n'
REPORT = """mutation ($params: ReportAssetCheckEvaluationsParams!) {
  reportAssetCheckEvaluations(eventParams: $params) { __typename } }"""
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

    def report_by_rest(self, *, passed: bool) -> None:
        httpx.post(
            f"{self.platform.web.url}/report_asset_check/inspected",
            json={"check_name": "by_hand", "passed": passed},
            timeout=30,
        ).raise_for_status()

    def report_by_graphql(self, *, passed: bool) -> None:
        asked = {"assetKey": {"path": ["inspected"]}, "checkName": "by_hand", "passed": passed}
        answer = self.platform.web.ask(REPORT, params=asked)
        assert "Success" in answer["reportAssetCheckEvaluations"]["__typename"]

    def remind_after(self, hours: float) -> None:
        file = self.platform.root / "alerts.toml"
        lines = [line for line in file.read_text().splitlines() if not line.startswith("remind_hours")]
        file.write_text("\n".join([f"remind_hours = {hours}", *lines]))

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


@contextmanager
def watched_platform() -> Iterator[Watched]:
    """Start a platform with the code locations `probe` and `other`, and its watcher over the receivers."""
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
