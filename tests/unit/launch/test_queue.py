"""Steps that wait in a queue: a real Redis, a real worker, Jobs that are processes here."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import redis

from slipway.launch import celery_k8s_job_executor
from slipway.launch.queued.app import BROKER_VARIABLE, priority_of
from slipway.launch.queued.places import TAKEN_SECONDS, Places
from support.job_runs import job_instance
from support.kubernetes_api import KubernetesApi, kubernetes_api
from support.redis_server import redis_server

QUEUE = {"dagster-celery/queue": "fragile"}
MARK = "SLIPWAY_TEST_MARK"


def noted(what: str) -> None:
    with Path(os.environ[MARK]).open("a") as file:
        file.write(f"{what} {time.time()}\n")


@dg.op(tags=QUEUE)
def first() -> int:
    noted("begin first")
    time.sleep(float(os.environ.get("SLIPWAY_TEST_SECONDS", "0")))
    noted("end first")
    return 1


@dg.op(tags=QUEUE)
def second() -> int:
    noted("begin second")
    noted("end second")
    return 2


@dg.op
def third(one: int, two: int) -> int:
    return one + two


@dg.job(executor_def=celery_k8s_job_executor)
def queued() -> None:
    third(first(), second())


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with kubernetes_api() as served:
        served.runs_jobs = True
        yield served


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with redis_server(tmp_path) as url:
        yield url


@pytest.fixture
def instance(
    api: KubernetesApi, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HOSTNAME", "dagster-run-1")
    monkeypatch.setenv(BROKER_VARIABLE, broker)
    with job_instance(api.kubeconfig(tmp_path), folder=tmp_path, job_image="orders:1") as made:
        api.environment = {
            "DAGSTER_HOME": str(tmp_path),
            "PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path]),
            MARK: str(tmp_path / "marks"),
        }
        yield made


@pytest.fixture
def new_worker(api: KubernetesApi, broker: str, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start workers; they are killed in the end."""
    with ExitStack() as stack:

        def start(queues: str = "fragile,dagster", concurrency: int = 1) -> "subprocess.Popen[bytes]":
            return stack.enter_context(worker(api, broker, tmp_path, queues, concurrency))

        yield start


@contextmanager
def worker(
    api: KubernetesApi, broker: str, folder: Path, queues: str, concurrency: int
) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = ["--queues", queues, "--concurrency", str(concurrency)]
    arguments += ["--kubeconfig", api.kubeconfig(folder), "--alive-file", str(folder / "alive")]
    with folder.joinpath("worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "slipway.launch.queued", *arguments],
            env={**os.environ, BROKER_VARIABLE: broker},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def in_background(instance: dg.DagsterInstance, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the job as a run's pod does, in a process of its own."""
    program = (
        "import dagster as dg, test_queue\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    dg.execute_job(dg.reconstructable(test_queue.queued), instance, raise_on_error=False)\n"
    )
    paths = ":".join([str(Path(__file__).parent), *sys.path])
    variables = {**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": paths}
    with tmp_path.joinpath("run.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program], env=variables, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def marks(tmp_path: Path) -> list[str]:
    path = tmp_path / "marks"
    lines = path.read_text().splitlines() if path.exists() else []
    return [" ".join(line.split()[:2]) for line in lines]


def port_of(broker: str) -> int:
    return int(broker.rpartition(":")[2].partition("/")[0])


def the_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs()
    return run


def messages(instance: dg.DagsterInstance) -> str:
    return "\n".join(entry.message for entry in instance.all_logs(the_run(instance).run_id))


def test_one_step_at_a_time_of_a_queue(
    instance: dg.DagsterInstance, new_worker: Callable[..., Any], tmp_path: Path
) -> None:
    new_worker(concurrency=1)
    with dg.execute_job(dg.reconstructable(queued), instance, raise_on_error=False) as result:
        assert result.success, tmp_path.joinpath("worker.log").read_text()
    done = marks(tmp_path)
    assert [mark.split()[0] for mark in done] == ["begin", "end", "begin", "end"]
    assert (tmp_path / "alive").exists()
    assert 'waits in the queue "fragile"' in messages(instance)
    assert 'waits in the queue "dagster"' in messages(instance)


@pytest.mark.long
def test_a_step_outlives_the_worker_that_is_killed(
    instance: dg.DagsterInstance, api: KubernetesApi, new_worker: Callable[..., Any], tmp_path: Path
) -> None:
    api.environment["SLIPWAY_TEST_SECONDS"] = str(TAKEN_SECONDS + 15)
    killed = new_worker()
    with in_background(instance, tmp_path) as run:
        until(lambda: "begin first" in marks(tmp_path) or "begin second" in marks(tmp_path), "a step begins")
        until(lambda: "begin first" in marks(tmp_path), "the long step begins")
        killed.kill()
        new_worker()
        assert run.wait(300) == 0
    assert the_run(instance).status == dg.DagsterRunStatus.SUCCESS, messages(instance)
    assert sorted(marks(tmp_path)) == ["begin first", "begin second", "end first", "end second"], "each once"
    assert "is gone; the step is queued again" in messages(instance)


@pytest.mark.long
def test_a_worker_that_is_told_to_end_hands_its_steps_back(
    instance: dg.DagsterInstance, api: KubernetesApi, new_worker: Callable[..., Any], tmp_path: Path
) -> None:
    api.environment["SLIPWAY_TEST_SECONDS"] = "10"
    old = new_worker(concurrency=2)
    with in_background(instance, tmp_path) as run:
        until(lambda: "begin first" in marks(tmp_path), "the long step begins")
        old.send_signal(signal.SIGTERM)
        assert old.wait(30) == 0
        assert "end first" not in marks(tmp_path)
        new_worker(concurrency=2)
        assert run.wait(300) == 0
    assert the_run(instance).status == dg.DagsterRunStatus.SUCCESS, messages(instance)
    assert sorted(marks(tmp_path)) == ["begin first", "begin second", "end first", "end second"], "each once"


@pytest.mark.long
def test_a_redis_that_forgot_everything_loses_nothing(
    instance: dg.DagsterInstance, broker: str, new_worker: Callable[..., Any], tmp_path: Path
) -> None:
    with in_background(instance, tmp_path) as run:
        until(
            lambda: instance.get_runs() and 'waits in the queue "fragile"' in messages(instance), "steps wait"
        )
        redis.Redis.from_url(broker).flushall()
        new_worker(concurrency=2)
        assert run.wait(300) == 0
    assert the_run(instance).status == dg.DagsterRunStatus.SUCCESS, messages(instance)
    assert sorted(marks(tmp_path)) == ["begin first", "begin second", "end first", "end second"], "each once"


@pytest.mark.long
def test_steps_go_on_without_redis_and_wait_for_it(
    instance: dg.DagsterInstance,
    api: KubernetesApi,
    broker: str,
    new_worker: Callable[..., Any],
    tmp_path: Path,
) -> None:
    api.environment["SLIPWAY_TEST_SECONDS"] = "20"
    new_worker(concurrency=1)
    with in_background(instance, tmp_path) as run:
        until(lambda: "begin first" in marks(tmp_path), "the long step begins")
        redis.Redis.from_url(broker).shutdown(nosave=True)
        time.sleep(8)
        with redis_server(tmp_path, port_of(broker)):
            assert run.wait(300) == 0
    assert the_run(instance).status == dg.DagsterRunStatus.SUCCESS, messages(instance)
    done = marks(tmp_path)
    assert sorted(done) == ["begin first", "begin second", "end first", "end second"], "each once"
    # The worker kept its place in the queue.
    assert [mark.split()[0] for mark in done] == ["begin", "end", "begin", "end"]


@pytest.mark.long
def test_a_step_that_can_t_be_queued_waits(
    instance: dg.DagsterInstance, broker: str, new_worker: Callable[..., Any], tmp_path: Path
) -> None:
    redis.Redis.from_url(broker).shutdown(nosave=True)
    with in_background(instance, tmp_path) as run:
        until(lambda: instance.get_runs() and "The step waits" in messages(instance), "steps wait")
        with redis_server(tmp_path, port_of(broker)):
            new_worker(concurrency=2)
            assert run.wait(300) == 0
    assert the_run(instance).status == dg.DagsterRunStatus.SUCCESS, messages(instance)
    assert sorted(marks(tmp_path)) == ["begin first", "begin second", "end first", "end second"], "each once"


@pytest.mark.long
def test_a_run_that_is_ended_leaves_nothing_to_do(
    instance: dg.DagsterInstance, api: KubernetesApi, new_worker: Callable[..., Any], tmp_path: Path
) -> None:
    api.environment["SLIPWAY_TEST_SECONDS"] = "600"
    new_worker(concurrency=1)
    with in_background(instance, tmp_path) as run:
        until(lambda: "begin first" in marks(tmp_path), "the long step begins")
        run.send_signal(signal.SIGINT)
        run.wait(60)
    until(lambda: not api.jobs, "its Jobs are deleted")
    again = new_worker(concurrency=1)
    time.sleep(5)
    assert again.poll() is None
    assert not api.jobs


def test_a_refused_job_fails_its_step(
    instance: dg.DagsterInstance, api: KubernetesApi, new_worker: Callable[..., Any]
) -> None:
    new_worker()
    api.refuse_posts = (403, "exceeded quota: runs")
    with dg.execute_job(dg.reconstructable(queued), instance, raise_on_error=False) as result:
        assert not result.success
    failed = instance.all_logs(the_run(instance).run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert "exceeded quota: runs" in str(failed[0].dagster_event)


def test_places(broker: str) -> None:
    places = Places(broker)
    assert places.look("step") is None
    assert not places.take("step", "early")
    places.queue("step")
    assert places.take("step", "one")
    assert not places.take("step", "two")
    assert not places.keep("step", "two")
    assert places.keep("step", "one")
    redis.Redis.from_url(broker).flushall()
    assert places.keep("step", "one"), "whoever has a step keeps it in a Redis that has forgotten it"
    assert places.put_back("step", "one")
    assert places.take("step", "two")
    places.leave("step", "one")
    assert places.look("step") == "taken:two"
    places.withdraw("step")
    assert not places.keep("step", "two")
    places.leave("step", "two")
    assert places.look("step") == "withdrawn"


@pytest.mark.parametrize(
    ("step", "run", "expected"),
    [({}, {}, 5), ({"dagster-celery/priority": "10"}, {}, 0), ({"dagster-celery/priority": "-3"}, {}, 9)],
)
def test_more_is_sooner(step: dict[str, str], run: dict[str, str], expected: int) -> None:
    assert priority_of(step, run) == expected
    assert priority_of(step, {"dagster-celery/run_priority": "1"}) <= expected
