"""A standing process for runs, with jobs of its own, and the pod that it would be in: for tests of the warm lane."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value
from kubernetes.client import (
    V1Container,
    V1ContainerPort,
    V1ContainerStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodCondition,
    V1PodSpec,
    V1PodStatus,
)

from slipway.launch.kubernetes.warm import WarmLane
from slipway.launch.warm import WORKER_TAG
from slipway.testing.ports import free_port

POD = "test-warm-0"
DIGEST = "sha256:" + "ab" * 32
CODE = """
import os, time
from pathlib import Path
import dagster as dg

FOLDER = Path(os.environ["TEST_FOLDER"])
FOLDER.joinpath(f"imported-{os.getpid()}").touch()

@dg.op
def say() -> None:
    FOLDER.joinpath(f"ran-{os.getpid()}").touch()

@dg.op
def wait_for_word() -> None:
    FOLDER.joinpath(f"waits-{os.getpid()}").touch()
    while not FOLDER.joinpath("word").exists():
        time.sleep(0.05)

@dg.job(tags={"slipway/warm": "true"}, executor_def=dg.in_process_executor)
def quick() -> None:
    say()

@dg.job(tags={"slipway/warm": "true"}, executor_def=dg.in_process_executor)
def waiting() -> None:
    wait_for_word()

@dg.op
def hear_nothing() -> None:
    FOLDER.joinpath(f"waits-{os.getpid()}").touch()
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

@dg.job(tags={"slipway/warm": "true"}, executor_def=dg.in_process_executor)
def deaf() -> None:
    hear_nothing()

@dg.job(executor_def=dg.in_process_executor)
def isolated() -> None:
    say()

@dg.job(executor_def=dg.in_process_executor)
def on_request() -> None:
    say()

defs = dg.Definitions(jobs=[quick, waiting, deaf, isolated, on_request])
"""


@dataclass
class Worker:
    """A server of this test's definitions, with one place."""

    process: "subprocess.Popen[bytes]"
    client: DagsterGrpcClient
    instance: dg.DagsterInstance
    folder: Path

    lane: WarmLane
    pods: list[Any]

    def new(self, job: str, tags: dict[str, str]) -> dg.DagsterRun:
        """Store a run of a job that is about to be launched."""
        location = GrpcServerCodeLocationOrigin(host="localhost", port=self.client.port, location_name="test")
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
        run = dg.DagsterRun(
            job_name=job,
            run_id=make_new_run_id(),
            tags=tags,
            remote_job_origin=origin,
            status=DagsterRunStatus.STARTING,
        )
        self.instance.add_run(run)
        return run

    def start(self, job: str) -> dg.DagsterRun:
        """Have a run of a job begun; raises if it is refused."""
        run = self.new(job, {WORKER_TAG: POD})
        DefaultRunLauncher.launch_run_from_grpc_client(self.instance, run, self.client)
        return run

    def refusal(self, job: str) -> str:
        """Return why a run of a job is not taken."""
        with pytest.raises(DagsterLaunchFailedError) as refused:
            self.start(job)
        return str(refused.value)

    def idle(self) -> None:
        """Wait until it has no run any more."""
        until(
            lambda: not deserialize_value(self.client.get_current_runs(), GetCurrentRunsResult).current_runs
        )

    def waiting(self, job: str = "waiting") -> tuple[dg.DagsterRun, int]:
        """Have a run begun that waits; return it and its process."""
        self.idle()
        for mark in self.marks("waits"):
            mark.unlink()
        run = self.start(job)
        until(lambda: self.marks("waits"))
        return run, int(self.marks("waits")[0].name.removeprefix("waits-"))

    def stored(self, run: dg.DagsterRun) -> dg.DagsterRun:
        """Return a run as it is stored now."""
        found = self.instance.get_run_by_id(run.run_id)
        assert found
        return found

    def status(self, run: dg.DagsterRun) -> DagsterRunStatus:
        """Return a run's status as it is stored now."""
        return self.stored(run).status

    def marks(self, what: str) -> list[Path]:
        """Return the files that processes left behind: `what` they did, and the process."""
        return list(self.folder.glob(f"{what}-*"))


def until(holds: Callable[[], object]) -> None:
    """Wait for something; the test's own limit ends it."""
    while not holds():
        time.sleep(0.05)


@contextmanager
def serving(folder: Path) -> Iterator[Worker]:
    code = folder / "served.py"
    code.write_text(CODE)
    port = free_port()
    options = ["--python-file", str(code), "--location-name", "test", "--port", str(port), "--places", "1"]
    options += ["--on-request", "on_request"]
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway.launch.warm", "--host", "localhost", *options],
        env={**os.environ, "TEST_FOLDER": str(folder)},
        cwd=folder,
        start_new_session=True,
    )
    client = DagsterGrpcClient(host="localhost", port=port)
    try:
        with dg.instance_for_test(temp_dir=str(folder)) as instance:
            until(lambda: process.poll() is not None or _answers(client))
            assert process.poll() is None
            pods = [_pod(port)]
            api = SimpleNamespace(
                find_pods=lambda *_: pods,
                read_pod=lambda name, _: next((p for p in pods if p.metadata.name == name), None),
            )
            yield Worker(process, client, instance, folder, WarmLane(instance, cast("Any", api)), pods)
    finally:
        # The server, what it forks from, and what that has forked.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _pod(port: int) -> Any:
    """Return the worker's pod as the API would describe it."""
    return V1Pod(
        metadata=V1ObjectMeta(name=POD, creation_timestamp=0),
        spec=V1PodSpec(containers=[V1Container(name="warm", ports=[V1ContainerPort(container_port=port)])]),
        status=V1PodStatus(
            phase="Running",
            pod_ip="localhost",
            conditions=[V1PodCondition(type="Ready", status="True")],
            container_statuses=[
                V1ContainerStatus(
                    name="warm", image="test", image_id=f"registry/test@{DIGEST}", ready=True, restart_count=0
                )
            ],
        ),
    )


def _answers(client: DagsterGrpcClient) -> bool:
    try:
        client.ping("")
    except dg.DagsterError:
        return False
    return True
