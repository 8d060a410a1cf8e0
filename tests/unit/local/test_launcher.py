"""Whether a run has a process: asked of real processes, of a run that says which one it is in."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from slipway.local import launcher
from slipway.local.launcher import LocalRunLauncher


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    setting = {"module": "slipway.local.launcher", "class": "LocalRunLauncher"}
    with dg.instance_for_test(overrides={"run_launcher": setting}) as made:
        yield made


def started(instance: dg.DagsterInstance, pid: int | None, port: int | None = None) -> dg.DagsterRun:
    tags = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": port})} if port else {}
    run = create_run_for_test(instance, tags=tags)
    instance.report_engine_event("Launched", run)
    if pid is not None:
        instance.report_engine_event(f"Started process (pid: {pid})", run, EngineEventData.in_process(pid))
    return run


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    asked = instance.run_launcher
    assert isinstance(asked, LocalRunLauncher)
    assert asked.supports_check_run_worker_health
    return asked.check_run_worker_health(run).status


def gone() -> int:
    """Return the number of a process that there was."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


def test_a_run_whose_process_is_there(instance: dg.DagsterInstance) -> None:
    assert health(instance, started(instance, os.getpid())) is WorkerStatus.RUNNING


def test_a_run_that_names_no_process_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert health(instance, started(instance, None)) is WorkerStatus.RUNNING


def test_a_run_whose_process_is_gone_or_a_zombie(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_SERVED_SECONDS", 0)
    assert health(instance, started(instance, gone())) is WorkerStatus.NOT_FOUND
    with subprocess.Popen(["true"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        assert health(instance, started(instance, zombie.pid)) is WorkerStatus.NOT_FOUND


def test_a_later_process_of_the_same_number_is_another(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_SERVED_SECONDS", 0)
    # As if every process had been started an hour after the run said its number.
    monkeypatch.setattr(launcher, "_TOLERANCE_SECONDS", -1e9)
    assert health(instance, started(instance, os.getpid())) is WorkerStatus.NOT_FOUND


def test_it_is_lost_only_once_its_code_server_can_take_a_retry(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_SERVED_SECONDS", 0)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        run = started(instance, gone(), port=server.getsockname()[1])
        assert health(instance, run) is WorkerStatus.RUNNING
        server.listen()
        assert health(instance, run) is WorkerStatus.NOT_FOUND


def test_a_code_server_that_does_not_come_back_is_not_waited_for_for_ever(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        run = started(instance, gone(), port=server.getsockname()[1])
        assert health(instance, run) is WorkerStatus.RUNNING
        monkeypatch.setattr(launcher, "_LONGEST_SECONDS", 0)
        assert health(instance, run) is WorkerStatus.NOT_FOUND
