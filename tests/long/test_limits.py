"""Pools, queue limits, priorities, lost runs and a store in trouble, through the real daemon: a platform with four places."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.local import pools
from slipway.local.state import StateFolder
from support import automation, failing
from support.checkout import copy_checkout
from support.limited import POOLS, PROBE, Limited, until
from support.platform import Platform
from support.store_proxy import StoreProxy

pytestmark = pytest.mark.long

PLACES = 4


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
    until(lambda: limited.runs("dagster/parent_run_id", lost))
    (retry,) = limited.runs("dagster/parent_run_id", lost)
    limited.succeed(retry)
    assert [what for what, _, _ in limited.notes(lost, retry)] == ["before", "in", "in", "out"]


def test_a_retry_that_the_daemon_overlooks_is_made_once(limited: Limited) -> None:
    platform = limited.platform
    automation.stop_sensor(platform, "probe", "overlooked_retries")
    lost = limited.launch("in_single", gate="overlooked")
    until(lambda: limited.at_work(lost))
    limited.process(lost).suspend()
    failing.fail_unseen_by_the_daemon(platform, lost)
    limited.process(lost).kill()
    # Two more looks of the daemon: it does not come back by itself.
    time.sleep(11)
    assert limited.status(lost) == "FAILURE"
    assert limited.runs("dagster/parent_run_id", lost) == []

    automation.start_sensor(platform, "probe", "overlooked_retries")
    limited.open("overlooked")
    until(lambda: limited.runs("dagster/parent_run_id", lost))
    (retry,) = limited.runs("dagster/parent_run_id", lost)
    limited.succeed(retry)
    # Where the daemon is sent back once more, by mistake, it still makes no second one.
    failing.send_the_daemon_back(platform)
    time.sleep(11)
    assert limited.runs("dagster/parent_run_id", lost) == [retry]
    assert [what for what, _, _ in limited.notes(lost, retry)] == ["before", "in", "in", "out"]


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


def test_a_backfill_leaves_places_and_what_a_schedule_starts_is_next(limited: Limited) -> None:
    done = limited.platform.slipway("backfill", "by_day", "--all", "--no-wait", "--tag", "probe/gate=fill")
    assert done.returncode == 0, done.stderr
    backfill = done.stdout.split("Launched backfill ")[1].split()[0]
    until(lambda: len(limited.at_work(*limited.runs("dagster/backfill", backfill))) == 2)
    full = [limited.launch("without", gate=f"p{n}") for n in range(2)]
    until(lambda: len(limited.at_work(*full)) == 2)
    of_backfill = limited.runs("dagster/backfill", backfill)
    assert sorted(limited.status(run) for run in of_backfill) == ["QUEUED", "QUEUED", "STARTED", "STARTED"]

    bulk, normal = (limited.launch("without", gate="rest", dagster__priority=each) for each in ("-10", "0"))
    automation.start_schedule(limited.platform, "probe", "at_midnight")
    automation.set_back(limited.platform, "at_midnight", timedelta(days=1, hours=1))
    until(lambda: limited.runs("dagster/schedule_name", "at_midnight"))
    (urgent,) = limited.runs("dagster/schedule_name", "at_midnight")
    waiting = (bulk, normal, urgent)
    until(lambda: {limited.status(run) for run in waiting} == {"QUEUED"})
    limited.open("p0")
    until(lambda: limited.at_work(*waiting))
    assert limited.at_work(*waiting) == {urgent}
    limited.open("p1")
    until(lambda: len(limited.at_work(*waiting)) == 2)
    assert limited.at_work(*waiting) == {urgent, normal}
    assert len(limited.at_work(*of_backfill)) == 2
    for gate in ("fill", "rest"):
        limited.open(gate)
    limited.succeed(*of_backfill, *full, *waiting)


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
    until(lambda: waits(limited, run))
    limited.platform.supervisor.start("s3")
    limited.succeed(run)
    assert limited.platform.state.s3.joinpath("buckets", "assets", "stored.json").read_text() == "7"


def test_a_store_that_asks_to_slow_down_is_tried_again_later_and_bad_data_is_not(limited: Limited) -> None:
    with StoreProxy(limited.platform.ports.s3) as proxy:
        (limited.folder / "endpoint").write_text(proxy.url)
        run = limited.launch("storing", gate="slow")
        until(lambda: limited.at_work(run))
        proxy.slow_down()
        limited.open("slow")
        # Twice: the store's client, which tries for 15 s itself, has given up two times.
        until(lambda: len(waits(limited, run)) == 2)
        proxy.recover()
        limited.succeed(run)
        assert proxy.refused > len(waits(limited, run))
        first, second = waits(limited, run)
        assert 1 <= first <= 2 <= second <= 4

        limited.platform.state.s3.joinpath("buckets", "assets", "stored.json").write_text("{seven")
        bad = limited.launch("doubling")
        assert limited.platform.wait_for_run(bad) == "FAILURE"
        said = limited.platform.web.failure(bad)
        assert "doubled: asset stored: the object is not JSON" in said
        assert "(bucket assets, key stored.json)" in said
        assert "Write it anew with `dg launch --assets stored`" in said
        assert waits(limited, bad) == []
        assert limited.runs("dagster/parent_run_id", bad) == []
    (limited.folder / "endpoint").unlink()


def waits(limited: Limited, run: str) -> list[float]:
    """Return the seconds that the steps of a run were told to wait before another try."""
    found = limited.platform.web.ask(_RETRIES, run=run)["logsForRun"]["events"]
    return [
        event["secondsToWait"] for event in found if event["__typename"] == "ExecutionStepUpForRetryEvent"
    ]


_RETRIES = """query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  __typename ... on ExecutionStepUpForRetryEvent { secondsToWait } } } } }"""


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
