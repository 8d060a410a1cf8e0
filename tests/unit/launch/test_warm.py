"""Runs in a standing process: a real server, forks of it, and an instance of its own. What a cluster adds is tested in tests/kind."""

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

from slipway.launch.kubernetes.client import KubernetesUnreachableError
from slipway.launch.stamps import FAILURE_REASON_TAG, IMAGE_DIGEST_TAG
from slipway.launch.warm import WARM_TAG, WORKER_TAG
from support.warm_worker import DIGEST, POD, Worker, serving, until


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with serving(tmp_path_factory.mktemp("warm")) as served:
        yield served


def test_a_run_is_a_fork_that_imports_nothing(worker: Worker) -> None:
    imported = worker.marks("imported")
    run = worker.start("quick")
    until(lambda: worker.status(run) == DagsterRunStatus.SUCCESS)
    (ran,) = worker.marks("ran")
    assert ran.name.removeprefix("ran-") != str(worker.process.pid)
    assert worker.marks("imported") == imported


def test_a_job_that_does_not_say_so_is_refused(worker: Worker) -> None:
    assert 'does not say slipway/warm: "true"' in worker.refusal("isolated")


def test_no_more_runs_than_places_and_a_run_is_ended_when_told(worker: Worker) -> None:
    run, process = worker.waiting()
    assert "all 1 places are taken" in worker.refusal("quick")
    assert worker.lane.why_lost(worker.stored(run), "") is None
    # Asked for again, it is begun no second time.
    DefaultRunLauncher.launch_run_from_grpc_client(worker.instance, run, worker.client)
    assert [mark.name for mark in worker.marks("waits")] == [f"waits-{process}"]
    worker.instance.report_run_canceling(worker.stored(run))
    assert worker.lane.end(worker.stored(run), "")
    until(lambda: worker.status(run) == DagsterRunStatus.CANCELED)
    until(lambda: not psutil.pid_exists(process))


def test_a_run_whose_process_is_killed_fails_with_the_reason(worker: Worker) -> None:
    run, process = worker.waiting()
    os.kill(process, signal.SIGKILL)
    until(lambda: worker.status(run) == DagsterRunStatus.FAILURE)
    events = worker.instance.all_logs(run.run_id)
    assert any("SIGKILL" in str(event.message) for event in events), [event.message for event in events]


@pytest.mark.parametrize("job", ["waiting", "deaf"])
def test_the_process_of_a_run_that_was_given_up_ends(worker: Worker, job: str) -> None:
    run, process = worker.waiting(job)
    worker.instance.add_run_tags(run.run_id, {FAILURE_REASON_TAG: "PodDeleted"})
    until(lambda: not psutil.pid_exists(process))
    until(lambda: worker.status(run) == DagsterRunStatus.FAILURE)


def test_the_lane_gives_a_run_to_a_worker_or_says_why_not(worker: Worker) -> None:
    worker.idle()
    run = worker.new("quick", {WARM_TAG: "true"})
    assert worker.lane.launch(run, "")
    until(lambda: worker.status(run) == DagsterRunStatus.SUCCESS)
    assert worker.stored(run).tags[WORKER_TAG] == POD
    assert worker.stored(run).tags[IMAGE_DIGEST_TAG] == DIGEST

    asked = worker.new("on_request", {WARM_TAG: "true"})
    worker.idle()
    assert worker.lane.launch(asked, "")
    until(lambda: worker.status(asked) == DagsterRunStatus.SUCCESS)

    refused = worker.new("isolated", {WARM_TAG: "true"})
    assert not worker.lane.launch(refused, "")
    assert worker.stored(refused).tags[WORKER_TAG] == "none"
    (said,) = [
        event.message
        for event in worker.instance.all_logs(refused.run_id)
        if "it gets a pod" in event.message
    ]
    assert "does not say" in said
    assert not worker.lane.launch(worker.new("quick", {}), "")


def test_a_worker_that_ends_finishes_its_runs_first_and_takes_no_more(worker: Worker) -> None:
    run, _ = worker.waiting()
    worker.process.send_signal(signal.SIGTERM)
    # A signal is heard some time after it was sent; until then the place that is taken is the reason.
    while "about to end" not in (said := worker.refusal("quick")):
        assert "places are taken" in said
        time.sleep(0.2)
    assert worker.status(run) == DagsterRunStatus.STARTED
    worker.folder.joinpath("word").touch()
    assert worker.process.wait() == 0
    assert worker.status(run) == DagsterRunStatus.SUCCESS


def test_a_run_whose_worker_is_gone_is_lost(worker: Worker) -> None:
    run = worker.stored(worker.new("quick", {WORKER_TAG: POD}))
    with pytest.raises(KubernetesUnreachableError):
        worker.lane.why_lost(run, "")
    worker.pods.clear()
    assert str(worker.lane.why_lost(run, "")).startswith(f"PodDeleted: The warm worker {POD}")
