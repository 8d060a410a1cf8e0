"""Which runs go past the queue, and what becomes of those that can't be launched at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.utils import make_new_run_id

from slipway.pooling import pooled
from slipway.testing.postgres import postgres
from support.job_runs import event, new_run, stored

LIMITS = {
    "max_concurrent_runs": 2,
    "tag_concurrency_limits": [
        {"key": "slipway/lane", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    ],
}


OVERRIDES: dict[str, Any] = {
    "run_coordinator": {"module": "slipway.launch.coordinator", "class": "SlipwayRunCoordinator"},
    "concurrency": {"runs": LIMITS},
}


class Launcher(SyncInMemoryRunLauncher):
    """In the place of ours: begins what it is given, or does as it is told."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__()
        self.instance = instance
        self.asked: list[str] = []
        self.answer: Callable[[dg.DagsterRun], None] = self.begin

    def launch_run(self, context: LaunchRunContext) -> None:
        assert context.dagster_run.status == DagsterRunStatus.STARTING
        self.asked.append(context.dagster_run.run_id)
        self.answer(context.dagster_run)

    def begin(self, run: dg.DagsterRun) -> None:
        event(self.instance, run, dg.DagsterEventType.PIPELINE_START)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(overrides=OVERRIDES, temp_dir=str(tmp_path)) as made:
        yield made


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> Launcher:
    instead: Any = Launcher(instance)
    instance._run_launcher = instead
    return instead


def submit(
    instance: dg.DagsterInstance, tags: dict[str, str], pools: RunOpConcurrency | None = None
) -> dg.DagsterRun:
    """Store a run as the webserver does, and submit it; return it as it is then."""
    location = GrpcServerCodeLocationOrigin(host="localhost", port=1, location_name="test")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "empty")
    run = dg.DagsterRun(
        job_name="empty",
        run_id=make_new_run_id(),
        tags=tags,
        remote_job_origin=origin,
        run_op_concurrency=pools,
        status=DagsterRunStatus.NOT_STARTED,
    )
    instance.add_run(run)
    run = stored(instance, run)
    context: Any = SubmitRunContext(run, workspace=None)  # type: ignore[arg-type]
    return instance.run_coordinator.submit_run(context)


def test_a_run_goes_past_an_empty_queue(instance: dg.DagsterInstance, launcher: Launcher) -> None:
    run = submit(instance, {})
    assert launcher.asked == [run.run_id]
    assert run.status == DagsterRunStatus.STARTED
    assert not instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_ENQUEUED)


@pytest.mark.parametrize(
    "tag", ["slipway/lane", "dagster/backfill", "dagster/schedule_name", "dagster/retry_number"]
)
def test_what_is_limited_or_waited_for_by_nobody_is_queued(
    instance: dg.DagsterInstance, launcher: Launcher, tag: str
) -> None:
    assert submit(instance, {tag: "1"}).status == DagsterRunStatus.QUEUED
    assert launcher.asked == []


def test_a_run_with_steps_in_pools_is_queued(instance: dg.DagsterInstance, launcher: Launcher) -> None:
    pools = RunOpConcurrency(
        root_key_counts={"source": 1}, has_unconstrained_root_nodes=False, all_pools={"source"}
    )
    assert submit(instance, {}, pools).status == DagsterRunStatus.QUEUED
    assert launcher.asked == []


def test_who_comes_when_others_wait_or_all_places_are_taken_waits_too(
    instance: dg.DagsterInstance, launcher: Launcher
) -> None:
    new_run(instance, DagsterRunStatus.STARTED)
    # Two may go at a time, and one does; but the other's place is that of the run that waits.
    assert submit(instance, {"dagster/backfill": "b"}).status == DagsterRunStatus.QUEUED
    assert submit(instance, {}).status == DagsterRunStatus.QUEUED
    assert launcher.asked == []


def test_a_run_that_can_t_be_launched_is_queued_unless_it_has_begun(
    instance: dg.DagsterInstance, launcher: Launcher
) -> None:
    def lost(_run: dg.DagsterRun) -> None:
        raise DagsterUserCodeUnreachableError("no answer")

    def begun(run: dg.DagsterRun) -> None:
        launcher.begin(run)
        raise DagsterUserCodeUnreachableError("no answer")

    launcher.answer = lost
    assert submit(instance, {}).status == DagsterRunStatus.QUEUED
    launcher.answer = begun
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    run = submit(instance, {})
    assert stored(instance, run).status == DagsterRunStatus.STARTED


def test_of_many_who_launch_at_once_no_more_go_than_may(tmp_path: Path) -> None:
    """On a real Postgres, whose lock it is."""
    with postgres() as database:
        overrides = {**OVERRIDES, "storage": {"postgres": {"postgres_url": pooled(database.url)}}}
        with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
            begin: Any = Launcher(instance)
            instance._run_launcher = begin
            with ThreadPoolExecutor(12) as threads:
                runs = list(threads.map(lambda _: submit(instance, {}), range(12)))
    statuses = Counter(run.status for run in runs)
    assert statuses == {DagsterRunStatus.STARTED: 2, DagsterRunStatus.QUEUED: 10}
