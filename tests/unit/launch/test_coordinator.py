"""Which runs go past the queue to a warm worker, and what becomes of those that no worker takes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.utils import make_new_run_id

from slipway.launch.warm import WARM_TAG
from support.job_runs import event, new_run, stored

WARM = {WARM_TAG: "true"}
LIMITS = {
    "max_concurrent_runs": 2,
    "tag_concurrency_limits": [
        {"key": "slipway/lane", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    ],
}


class Launcher(SyncInMemoryRunLauncher):
    """In the place of ours: begins what it is given, or does as it is told."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__()
        self.instance = instance
        self.asked: list[str] = []
        self.answer: Callable[[dg.DagsterRun], bool] = self.begin

    def launch_warm(self, run: dg.DagsterRun) -> bool:
        self.asked.append(run.run_id)
        event(self.instance, run, dg.DagsterEventType.PIPELINE_STARTING)
        return self.answer(run)

    def begin(self, run: dg.DagsterRun) -> bool:
        event(self.instance, run, dg.DagsterEventType.PIPELINE_START)
        return True


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    coordinator = {"module": "slipway.launch.coordinator", "class": "SlipwayRunCoordinator"}
    overrides: dict[str, Any] = {"run_coordinator": coordinator, "concurrency": {"runs": LIMITS}}
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as made:
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


def test_a_warm_run_goes_past_the_queue(instance: dg.DagsterInstance, launcher: Launcher) -> None:
    run = submit(instance, WARM)
    assert launcher.asked == [run.run_id]
    assert run.status == DagsterRunStatus.STARTED
    assert not instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_ENQUEUED)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {WARM_TAG: "false"},
        {**WARM, "slipway/lane": "tenant"},
        {**WARM, "dagster/backfill": "b"},
        {**WARM, "dagster/schedule_name": "s"},
        {**WARM, "dagster/retry_number": "1"},
    ],
)
def test_what_is_limited_or_waited_for_by_nobody_is_queued(
    instance: dg.DagsterInstance, launcher: Launcher, tags: dict[str, str]
) -> None:
    assert submit(instance, tags).status == DagsterRunStatus.QUEUED
    assert launcher.asked == []


def test_a_run_with_steps_in_pools_is_queued(instance: dg.DagsterInstance, launcher: Launcher) -> None:
    pools = RunOpConcurrency(
        root_key_counts={"source": 1}, has_unconstrained_root_nodes=False, all_pools={"source"}
    )
    assert submit(instance, WARM, pools).status == DagsterRunStatus.QUEUED
    assert launcher.asked == []


def test_who_comes_when_others_wait_or_all_places_are_taken_waits_too(
    instance: dg.DagsterInstance, launcher: Launcher
) -> None:
    new_run(instance, DagsterRunStatus.STARTED)
    queued = submit(instance, {})
    assert queued.status == DagsterRunStatus.QUEUED
    # Two may go at a time, and one does; but the other's place is that of the run that waits.
    assert submit(instance, WARM).status == DagsterRunStatus.QUEUED
    assert launcher.asked == []


def test_a_run_that_no_worker_takes_is_queued(instance: dg.DagsterInstance, launcher: Launcher) -> None:
    launcher.answer = lambda _run: False
    run = submit(instance, WARM)
    assert launcher.asked == [run.run_id]
    assert run.status == DagsterRunStatus.QUEUED


def test_a_run_of_which_no_worker_says_whether_it_has_it_is_queued_unless_it_has_begun(
    instance: dg.DagsterInstance, launcher: Launcher
) -> None:
    def lost(_run: dg.DagsterRun) -> bool:
        raise DagsterUserCodeUnreachableError("no answer")

    def begun(run: dg.DagsterRun) -> bool:
        launcher.begin(run)
        raise DagsterUserCodeUnreachableError("no answer")

    launcher.answer = lost
    assert submit(instance, WARM).status == DagsterRunStatus.QUEUED
    launcher.answer = begun
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    run = submit(instance, WARM)
    assert stored(instance, run).status == DagsterRunStatus.STARTED
