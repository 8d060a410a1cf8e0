"""The code location `probe`: steps that say when they are at work and wait for leave, for tests of what may go at a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from support.platform import Platform

POOLS = """
[tool.slipway.pools]
narrow = 2
single = 1
"""
# Every step writes down when it is at work, by the machine's clock, and waits for leave where a run's tag asks for it.
PROBE = """
import os
import time
from pathlib import Path

import dagster as dg
from slipway import limits
from slipway.environment import current_environment
from slipway.launch import in_process_executor
from slipway.resources import platform_resources
from slipway.retries import build_overlooked_retries_sensor, retried

HERE = Path(__file__).parent


def note(context, what: str) -> None:
    with (HERE / "notes").open("a") as notes:
        notes.write(f"{what} {context.run.run_id} {time.monotonic()}\\n")


def work(context) -> None:
    note(context, "in")
    gate = context.run.tags.get("probe/gate")
    if gate:
        while not (HERE / gate).exists():
            time.sleep(0.05)
    else:
        time.sleep(1)
    note(context, "out")


@dg.asset
def before(context: dg.AssetExecutionContext) -> None:
    note(context, "before")


@dg.asset(pool="narrow", deps=[before])
def shared(context: dg.AssetExecutionContext) -> None:
    work(context)


@dg.asset(pool="single", deps=[before])
def alone(context: dg.AssetExecutionContext) -> None:
    work(context)


@dg.asset
def gated(context: dg.AssetExecutionContext) -> None:
    work(context)


@dg.asset
@retried
def stored(context: dg.AssetExecutionContext) -> int:
    work(context)
    return 7


@dg.asset
def doubled(stored: int) -> int:
    return stored * 2


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05"))
def by_day(context: dg.AssetExecutionContext) -> None:
    work(context)


@dg.definitions
def defs() -> dg.Definitions:
    endpoint = HERE / "endpoint"
    if endpoint.exists():
        os.environ["AWS_ENDPOINT_URL"] = endpoint.read_text()
    without = dg.define_asset_job("without", dg.AssetSelection.assets(gated))
    return dg.Definitions(
        assets=[before, shared, alone, gated, stored, doubled, by_day],
        jobs=[
            dg.define_asset_job("in_narrow", dg.AssetSelection.assets(before, shared)),
            dg.define_asset_job("in_single", dg.AssetSelection.assets(before, alone)),
            without,
            dg.define_asset_job("storing", dg.AssetSelection.assets(stored)),
            dg.define_asset_job("doubling", dg.AssetSelection.assets(doubled)),
        ],
        schedules=[
            dg.ScheduleDefinition(
                name="at_midnight", job=without, cron_schedule="0 0 * * *",
                tags={**limits.SCHEDULED, "probe/gate": "rest"},
            )
        ],
        sensors=[build_overlooked_retries_sensor(seconds=5)],
        resources=platform_resources(current_environment()),
        executor=in_process_executor,
    )
"""


@dataclass
class Limited:
    """The platform, and what its runs have noted."""

    platform: Platform

    @property
    def folder(self) -> Path:
        return self.platform.root / "code_locations" / "probe" / "src" / "probe"

    def launch(self, job: str, gate: str = "", **tags: str) -> str:
        own = {key.replace("__", "/"): value for key, value in tags.items()}
        return self.platform.web.launch("probe", job, own | ({"probe/gate": gate} if gate else {}))

    def open(self, gate: str) -> None:
        (self.folder / gate).touch()

    def notes(self, *runs: str) -> list[tuple[str, str, float]]:
        """Return (what, run, when) of these runs, oldest first."""
        file = self.folder / "notes"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        found = [(what, run, float(when)) for what, run, when in lines if run in runs]
        return sorted(found, key=lambda note: note[2])

    def at_work(self, *runs: str) -> set[str]:
        going: set[str] = set()
        for what, run, _ in self.notes(*runs):
            going = going | {run} if what == "in" else going - {run}
        return going

    def status(self, run: str) -> str:
        return self.platform.web.progress(run).status

    def succeed(self, *runs: str) -> None:
        for run in runs:
            assert self.platform.wait_for_run(run) == "SUCCESS", self.platform.web.failure(run)

    def runs(self, tag: str, value: str) -> list[str]:
        """Return the runs that carry a tag."""
        found = self.platform.web.ask(_RUNS, tags=[{"key": tag, "value": value}])
        return [run["runId"] for run in found["runsOrError"]["results"]]

    def said(self, run: str) -> list[str]:
        """Return the messages of a run's events."""
        return [str(event.get("message")) for event in self.platform.web.events(run)]

    def process(self, run: str) -> psutil.Process:
        """Return the process of a run: it says its number in its first event."""
        said = [message for message in self.said(run) if "(pid: " in message]
        return psutil.Process(int(said[0].split("(pid: ")[1].split(")")[0]))


def until(reached: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


_RUNS = """query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) {
  ... on Runs { results { runId } } } }"""
