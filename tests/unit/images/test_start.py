"""docker/project/start, with a `start-dagster` and a `sleep` that do what the test says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.repository import find_root

START = find_root(Path(__file__)) / "docker" / "project" / "start"
SERVER = ("dagster", "api", "grpc", "-p", "3030")
# Ends by itself with 7 when the file `end` is there, and with 3 when it is told to.
DAGSTER = """#!/bin/sh
trap 'echo told >>log; exit 3' TERM
echo "started $*" >>log
until [ -e end ]; do /bin/sleep 0.05; done
exit 7
"""
SLEEP = """#!/bin/sh
echo "sleep $*" >>log
until [ -e slept ]; do /bin/sleep 0.05; done
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, script in (("start-dagster", DAGSTER), ("sleep", SLEEP)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    return tmp_path


@contextmanager
def started(folder: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    path = f"{folder}:{os.environ['PATH']}"
    with subprocess.Popen([START, *command], cwd=folder, env={**os.environ, "PATH": path}) as process:
        try:
            yield process
        finally:
            (folder / "end").touch()
            (folder / "slept").touch()


def wait_for(folder: Path, line: str) -> None:
    log = folder / "log"
    until = time.monotonic() + 20
    while not log.exists() or line not in log.read_text().splitlines():
        assert time.monotonic() < until, f"no {line!r}"
        time.sleep(0.05)


def test_a_code_server_serves_on_before_it_is_told_to_end(folder: Path) -> None:
    with started(folder, *SERVER) as process:
        wait_for(folder, "started api grpc -p 3030")
        process.send_signal(signal.SIGTERM)
        wait_for(folder, "sleep 5")
        assert "told" not in (folder / "log").read_text()
        (folder / "slept").touch()
        assert process.wait(20) == 3
        wait_for(folder, "told")


def test_a_code_server_that_ends_by_itself_ends_the_container_with_its_status(folder: Path) -> None:
    with started(folder, *SERVER) as process:
        wait_for(folder, "started api grpc -p 3030")
        (folder / "end").touch()
        assert process.wait(20) == 7


def test_another_command_is_told_at_once(folder: Path) -> None:
    with started(folder, "dagster", "api", "execute_run") as process:
        wait_for(folder, "started api execute_run")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 3
        assert "sleep" not in (folder / "log").read_text()


def test_another_command_is_the_process_itself(folder: Path) -> None:
    with started(
        folder, sys.executable, "-c", "import os; open('log', 'w').write(f'{os.getpid()}\\n')"
    ) as process:
        wait_for(folder, str(process.pid))
