"""supervisord for real, with small programs."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from slipway.local.errors import LocalPlatformError
from slipway.local.state import StateFolder
from slipway.local.supervision import Program, Supervisor, leftovers, stop_processes

ODD = "a b'c\"d%e$f;g#h\\i"


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    # The odd name: paths with spaces and percent signs are people's home folders too.
    folder = Path(tempfile.mkdtemp(prefix="slip 50% "))
    state = StateFolder(folder)
    state.create()
    made = Supervisor(state)
    yield made
    made.shut_down()
    stop_processes(leftovers(state))
    shutil.rmtree(folder)


def sleeper(name: str, **environment: str) -> Program:
    code = "import os, sys, time; print(os.environ.get('ODD'), flush=True); time.sleep(600)"
    return Program(name, [sys.executable, "-c", code], environment)


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_process_comes_back(supervisor: Supervisor) -> None:
    supervisor.launch([sleeper("one")])
    supervisor.start("one")
    wait(lambda: supervisor.process("one").running)
    first = supervisor.process("one").pid
    psutil.Process(first).kill()
    wait(lambda: supervisor.process("one").running and supervisor.process("one").pid != first)


def test_settings_reach_the_process_whole_and_the_shells_do_not(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the user's own account")
    supervisor.launch([sleeper("one", ODD=ODD)])
    supervisor.start("one")
    wait(lambda: ODD in supervisor.log_tail("one"))
    environment = psutil.Process(supervisor.process("one").pid).environ()
    assert environment["ODD"] == ODD
    assert "AWS_SESSION_TOKEN" not in environment


def test_processes_are_listed_in_the_order_of_their_start(supervisor: Supervisor) -> None:
    supervisor.launch([sleeper("zebra"), sleeper("ant")])
    assert [process.name for process in supervisor.processes()] == ["zebra", "ant"]


def test_what_a_killed_supervisor_leaves_is_found_and_stopped(supervisor: Supervisor) -> None:
    supervisor.launch([sleeper("one")])
    supervisor.start("one")
    # Before it has written, its end would be a broken pipe, not ours.
    wait(lambda: supervisor.log_tail("one"))
    orphan = supervisor.process("one").pid
    boss = next(at for at in leftovers(supervisor.state) if at.pid != orphan)
    boss.kill()
    boss.wait(60)
    assert not supervisor.is_running()
    assert [at.pid for at in leftovers(supervisor.state)] == [orphan]
    assert stop_processes(leftovers(supervisor.state)) == 1
    assert not psutil.pid_exists(orphan)


def test_runs_are_told_from_supervised_processes(supervisor: Supervisor) -> None:
    parent = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"
    supervisor.launch([Program("server", [sys.executable, "-c", parent], {})])
    supervisor.start("server")
    wait(supervisor.runs)
    server = psutil.Process(supervisor.process("server").pid)
    wait(lambda: [at.pid for at in supervisor.runs()] == [at.pid for at in server.children()] != [])


def test_an_unknown_process_is_an_error_that_says_where_to_look(supervisor: Supervisor) -> None:
    supervisor.launch([sleeper("one")])
    with pytest.raises(LocalPlatformError, match="no process 'two'"):
        supervisor.process("two")


def test_a_program_is_added_while_the_others_run_on(supervisor: Supervisor) -> None:
    first = sleeper("one")
    supervisor.launch([first])
    supervisor.start("one")
    wait(lambda: supervisor.process("one").running)
    before = supervisor.process("one").pid
    # First in the list: what runs has another place in the order now, and must not be touched for it.
    supervisor.add([sleeper("two", ODD=ODD), first], ["two"])
    assert not supervisor.process("two").running
    supervisor.start("two")
    wait(lambda: ODD in supervisor.log_tail("two"))
    assert supervisor.process("one").pid == before
