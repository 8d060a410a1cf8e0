"""Pools, queue limits, priorities and lost runs under load, through the real daemon: a platform with four places."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from slipway.local import pools
from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform

pytestmark = pytest.mark.long

PLACES = 4
POOLS = """
[tool.slipway.pools]
narrow = 2
single = 1
"""
# Every step writes down when it is at work, by the machine's clock, and waits for leave where a run's tag asks for it.
PROBE = """
import time
from pathlib import Path

import dagster as dg
from slipway.environment import current_environment
from slipway.launch import in_process_executor
from slipway.resources import platform_resources
from slipway.retries import retried

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


@dg.definitions
def defs() -> dg.Definitions:
    assets = [before, shared, alone, gated, stored]
    return dg.Definitions(
        assets=assets,
        jobs=[
            dg.define_asset_job("in_narrow", dg.AssetSelection.assets(before, shared)),
            dg.define_asset_job("in_single", dg.AssetSelection.assets(before, alone)),
            dg.define_asset_job("without", dg.AssetSelection.assets(gated)),
            dg.define_asset_job("storing", dg.AssetSelection.assets(stored)),
        ],
        resources=platform_resources(current_environment()),
        executor=in_process_executor,
    )
"""


class Limited:
    """The platform, and what its runs have noted."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.folder = platform.root / "code_locations" / "probe" / "src" / "probe"

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

    def process(self, run: str) -> psutil.Process:
        """Return the process of a run: it says its number in its first event."""
        said = [
            event["message"]
            for event in self.platform.web.events(run)
            if "(pid: " in str(event.get("message"))
        ]
        return psutil.Process(int(said[0].split("(pid: ")[1].split(")")[0]))


def until(reached: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", locations={"probe": PROBE})
    project = root / "code_locations" / "probe" / "pyproject.toml"
    project.write_text(project.read_text() + POOLS)
    platform = Platform(StateFolder(folder / "state"), root)
    try:
        platform.up(SLIPWAY_RUNS=str(PLACES))
        yield Limited(platform)
    finally:
        platform.slipway("clean", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


def test_a_pool_holds_no_more_than_its_limit_under_load(limited: Limited) -> None:
    runs = [limited.launch("in_narrow") for _ in range(8)]
    limited.succeed(*runs)
    going, most = 0, 0
    for what, _, _ in limited.notes(*runs):
        going += {"in": 1, "out": -1}.get(what, 0)
        most = max(most, going)
    assert most == 2
    assert all(not pool.used and not pool.waiting for pool in pools.states(limited.platform.web))


def test_a_killed_run_frees_its_place_and_the_waiting_go_on(limited: Limited) -> None:
    holder = limited.launch("in_single", gate="never", dagster__max_retries="0")
    until(lambda: limited.at_work(holder))
    waiting = limited.launch("in_single")
    until(lambda: [note for note in limited.notes(waiting) if note[0] == "before"])
    limited.process(holder).kill()
    limited.succeed(waiting)
    assert limited.status(holder) == "FAILURE"
    assert limited.at_work(holder) == {holder}


def test_a_run_that_dies_with_its_code_server_is_noticed_and_can_be_retried(limited: Limited) -> None:
    lost = limited.launch("in_single", gate="second-try")
    until(lambda: limited.at_work(lost))
    waiting = limited.launch("in_single", gate="second-try")
    until(lambda: [note for note in limited.notes(waiting) if note[0] == "before"])
    run = limited.process(lost)
    limited.platform.kill("probe")
    run.kill()
    until(lambda: limited.status(lost) == "FAILURE", 150)
    limited.open("second-try")
    # The next one in the pool goes on: the place is free again.
    limited.succeed(waiting)
    daemon = (limited.platform.state.logs / "daemon.log").read_text()
    assert f"Failed to retry run {lost}" not in daemon
    retry = limited.platform.web.latest_run("dagster/parent_run_id", lost)
    # Dagster drops a retry where it looks between the event of a failure and the run's status (docs/traps.md).
    if retry:
        limited.succeed(retry[0])
        assert [what for what, _, _ in limited.notes(lost, retry[0])] == ["before", "in", "in", "out"]


def test_a_lane_leaves_places_to_others(limited: Limited) -> None:
    crowd = [limited.launch("without", gate="lane", slipway__lane="files") for _ in range(4)]
    until(lambda: len(limited.at_work(*crowd)) == 2)
    others = [
        limited.launch("without", gate="lane", slipway__lane="feed"),
        limited.launch("without", gate="lane"),
    ]
    until(lambda: len(limited.at_work(*others)) == 2)
    assert len(limited.at_work(*crowd)) == 2
    assert [limited.status(run) for run in crowd[2:]] == ["QUEUED", "QUEUED"]
    limited.open("lane")
    limited.succeed(*crowd, *others)


def test_backfills_leave_places_and_priority_decides_who_is_next(limited: Limited) -> None:
    backfills = [limited.launch("without", gate=f"f{n}", dagster__backfill="b") for n in range(3)]
    until(lambda: len(limited.at_work(*backfills)) == 2)
    full = [limited.launch("without", gate=f"p{n}") for n in range(2)]
    until(lambda: len(limited.at_work(*full)) == 2)
    bulk, normal, urgent = (
        limited.launch("without", gate="rest", dagster__priority=priority) for priority in ("-10", "0", "10")
    )
    limited.open("p0")
    until(lambda: limited.at_work(bulk, normal, urgent))
    assert limited.at_work(bulk, normal, urgent) == {urgent}
    assert limited.status(backfills[2]) == "QUEUED"
    limited.open("p1")
    until(lambda: len(limited.at_work(bulk, normal, urgent)) == 2)
    assert limited.at_work(bulk, normal, urgent) == {urgent, normal}
    for gate in ("f0", "f1", "f2", "rest"):
        limited.open(gate)
    limited.succeed(*backfills, *full, bulk, normal, urgent)


def test_a_run_that_hangs_is_ended_and_gives_its_place_back(limited: Limited) -> None:
    hanging = limited.launch("in_single", gate="never", dagster__max_runtime="5", dagster__max_retries="0")
    waiting = limited.launch("in_single")
    assert limited.platform.wait_for_run(hanging) == "FAILURE"
    assert "Exceeded maximum runtime of 5 seconds" in limited.platform.web.failure(hanging)
    limited.succeed(waiting)


def test_a_step_waits_for_its_store_to_come_back(limited: Limited) -> None:
    run = limited.launch("storing", gate="store")
    until(lambda: limited.at_work(run))
    limited.platform.supervisor.stop("s3")
    limited.open("store")
    restarted: list[str] = []

    def tried_again() -> bool:
        said = [str(event.get("message")) for event in limited.platform.web.events(run)]
        restarted[:] = [message for message in said if "Retrying" in message or "retry" in message]
        return bool(restarted)

    until(tried_again)
    limited.platform.supervisor.start("s3")
    limited.succeed(run)
    assert limited.platform.state.s3.joinpath("buckets", "assets", "stored.json").read_text() == "7"


def test_changed_pools_are_applied_while_the_platform_runs(limited: Limited) -> None:
    project = limited.platform.root / "code_locations" / "probe" / "pyproject.toml"
    project.write_text(
        project.read_text().replace("narrow = 2", "narrow = 3").replace("single = 1", "other = 1")
    )
    done = limited.platform.slipway("reload")
    assert done.returncode == 0, done.stderr
    assert "single is no longer declared and was removed" in done.stdout
    found = {pool.name: pool.limit for pool in pools.states(limited.platform.web)}
    assert found == {"narrow": 3, "other": 1}
