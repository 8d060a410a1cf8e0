"""A step that waits for its place in a pool: neither turning in a loop, nor deaf to the end of its run."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext

from slipway.launch import in_process_executor
from slipway.launch.executor import SleepingExecutor


@dg.op(pool="narrow")
def narrow() -> int:
    return 1


@dg.job(executor_def=in_process_executor)
def waiting() -> None:
    narrow()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance whose pool `narrow` is taken by another run."""
    with dg.instance_for_test() as made:
        made.event_log_storage.set_concurrency_slots("narrow", 1)
        made.event_log_storage.claim_concurrency_slot("narrow", "another", "step")
        yield made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the run was told whether it has its place."""
    times: list[float] = []
    claim = InstanceConcurrencyContext.claim

    def noted(self: InstanceConcurrencyContext, *arguments: object, **named: object) -> bool:
        given = claim(self, *arguments, **named)  # type: ignore[arg-type]
        times.append(time.monotonic())
        return given

    monkeypatch.setattr(InstanceConcurrencyContext, "claim", noted)
    return times


def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """Run it as a run's process does, with the job's own executor; return the run."""
    with dg.execute_job(dg.reconstructable(waiting), instance, raise_on_error=False) as result:
        return result.dagster_run


def test_it_sleeps_until_there_is_a_place(instance: dg.DagsterInstance, asked: list[float]) -> None:
    def free() -> None:
        while not asked:
            time.sleep(0.05)
        time.sleep(1.5)
        instance.event_log_storage.free_concurrency_slots_for_run("another")

    freeing = threading.Thread(target=free)
    freeing.start()
    assert run(instance).is_success
    freeing.join()
    assert 1 < len(asked) < 40


def test_a_run_that_is_told_to_end_stops_waiting(instance: dg.DagsterInstance, asked: list[float]) -> None:
    def interrupt() -> None:
        while not asked:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    told = threading.Thread(target=interrupt)
    told.start()
    assert not run(instance).is_success
    told.join()
    waiting_steps = instance.event_log_storage.get_concurrency_info("narrow").pending_steps
    assert [step.run_id for step in waiting_steps] == ["another"]


def test_it_is_called_like_dagsters_own() -> None:
    assert in_process_executor.name == dg.in_process_executor.name
    assert isinstance(waiting.executor_def, dg.ExecutorDefinition)
    assert issubclass(SleepingExecutor, dg.Executor)


@dg.op
def nothing() -> None: ...


@dg.job(executor_def=in_process_executor)
def short() -> None:
    nothing()


def test_a_run_says_which_code_its_image_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_REVISION", "1a2b3c4")
    monkeypatch.setenv("SLIPWAY_VERSION", "0.3.0")
    with dg.instance_for_test() as made, dg.execute_job(dg.reconstructable(short), made) as result:
        found = made.get_run_by_id(result.run_id)
    assert found is not None
    assert (found.tags["slipway/revision"], found.tags["slipway/version"]) == ("1a2b3c4", "0.3.0")
