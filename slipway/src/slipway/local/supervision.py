"""The processes of the local platform, kept running by supervisord.

Writes one start script and one environment file per process, starts and asks supervisord over its
Unix socket, and clears away what a killed supervisord left behind. What the processes are belongs
to `programs`.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException

import psutil
from supervisor.xmlrpc import SupervisorTransport

from slipway.local.errors import LocalPlatformError
from slipway.local.state import StateFolder, write_private

# Every process carries it, runs too: how the next `make up` finds what a crash left over.
MARKER_VARIABLE = "SLIPWAY_PROCESS_OF"
# Of the user's shell: without bytecode Python starts three times slower; the rest would lead into another
# environment, or spoil the signatures of S3 requests.
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH", "AWS_PROFILE", "AWS_SESSION_TOKEN")
_RPC_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"
_POSTGRES = "postgres"
_RUNNING = ("RUNNING", "STARTING")


@dataclass(frozen=True)
class Program:
    """One process to keep running.

    Attributes:
        name: names the log file, the start script and the row in `make status`.
        command: argv; runs in the foreground.
        environment: variables beyond those of the user's shell.
        stop_signal: what asks it to stop; its whole process group is killed `stop_seconds` later.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_signal: str = "TERM"
    stop_seconds: int = 15


@dataclass(frozen=True)
class ProcessState:
    """What supervisord says of one process."""

    name: str
    state: str
    pid: int
    started: int
    message: str

    @property
    def running(self) -> bool:
        """Whether it has been up for longer than a moment."""
        return self.state == "RUNNING"


class Supervisor:
    """supervisord of one state folder."""

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self._socket = state.sockets / "supervisor.sock"

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._proxy().supervisor.getState()
        except (OSError, HTTPException, xmlrpc.client.Error):
            return False
        return True

    def launch(self, programs: Sequence[Program]) -> None:
        """Write the scripts of `programs` and start supervisord, with none of them running yet.

        Raises:
            LocalPlatformError: supervisord did not come up; the message carries the end of its log.
        """
        self._write(programs, programs)
        self._socket.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "-c",
            str(self.state.path / "supervisord.conf"),
        ]
        environment = {**os.environ, MARKER_VARIABLE: str(self.state.path)}
        done = subprocess.run(
            command, cwd=self.state.path, env=environment, capture_output=True, text=True, check=False
        )
        deadline = time.monotonic() + 10
        while done.returncode == 0 and time.monotonic() < deadline:
            if self.is_running():
                return
            time.sleep(0.05)
        raise LocalPlatformError(
            f"supervisord did not start: {(done.stdout + done.stderr).strip()[-800:] or self.log_tail('supervisord')}",
            f"Its log is {self.state.logs / 'supervisord.log'}.",
        )

    def add(self, programs: Sequence[Program], names: Sequence[str]) -> None:
        """Let the running supervisord know those of `programs` that are called `names`; none is started or stopped."""
        self._write(programs, [program for program in programs if program.name in names])
        self._proxy().supervisor.reloadConfig()
        for name in names:
            self._proxy().supervisor.addProcessGroup(name)

    def start(self, name: str) -> None:
        """Start one process if it does not run; does not wait until it serves."""
        if self.process(name).state in _RUNNING:
            return
        try:
            self._proxy().supervisor.startProcess(name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise LocalPlatformError(
                    f"{name} can't be started: {fault.faultString}", self._see_log(name)
                ) from None

    def stop(self, name: str) -> None:
        """Stop one process and wait until it is gone."""
        if self.process(name).pid:
            self._proxy().supervisor.stopProcess(name)

    def processes(self) -> list[ProcessState]:
        """Return the state of every process, in the order of their start; empty when nothing runs."""
        if not self.is_running():
            return []
        order = {at["name"]: at["process_prio"] for at in self._proxy().supervisor.getAllConfigInfo()}  # type: ignore[union-attr, index, call-overload]
        found = [_process_state(info) for info in self._proxy().supervisor.getAllProcessInfo()]  # type: ignore[arg-type, union-attr]
        return sorted(found, key=lambda process: int(order[process.name]))

    def process(self, name: str) -> ProcessState:
        """Return the state of one process."""
        try:
            return _process_state(self._proxy().supervisor.getProcessInfo(name))  # type: ignore[arg-type]
        except xmlrpc.client.Fault:
            raise LocalPlatformError(f"There is no process {name!r}.", "`make status` lists them.") from None

    def runs(self) -> list[psutil.Process]:
        """Return the processes of this state folder that supervisord did not start itself: runs and their steps."""
        pid = int(self._proxy().supervisor.getPID())  # type: ignore[arg-type]
        kept = {pid, *(process.pid for process in self.processes())}
        return [at for at in leftovers(self.state) if at.pid not in kept and not _ends_with_its_parent(at)]

    def shut_down(self) -> None:
        """Stop every process, last started first, then supervisord itself."""
        if not self.is_running():
            return
        pid = int(self._proxy().supervisor.getPID())  # type: ignore[arg-type]
        self._proxy().supervisor.shutdown()
        try:
            psutil.Process(pid).wait(timeout=90)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            raise LocalPlatformError(
                f"supervisord (process {pid}) did not stop within 90 s.",
                f"See {self.state.logs}/supervisord.log.",
            ) from None

    def log_tail(self, name: str, lines: int = 15) -> str:
        """Return the end of a process's log; empty when there is none."""
        file = self.state.logs / f"{name}.log"
        if not file.exists():
            return ""
        with file.open("rb") as handle:
            handle.seek(max(0, file.stat().st_size - 20_000))
            return "\n".join(handle.read().decode(errors="replace").splitlines()[-lines:])

    def _see_log(self, name: str) -> str:
        return f"See {self.state.logs / (name + '.log')}."

    def _proxy(self) -> xmlrpc.client.ServerProxy:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport)

    def _write(self, programs: Sequence[Program], scripts: Sequence[Program]) -> None:
        """Write the configuration of all `programs`, and the start scripts of some."""
        for program in scripts:
            self._write_scripts(program)
        write_private(self.state.path / "supervisord.conf", self._configuration(programs))

    def _write_scripts(self, program: Program) -> None:
        """Write `<name>.env`, which a shell can source too, and `<name>.sh`, which starts the process."""
        environment = {**program.environment, MARKER_VARIABLE: str(self.state.path)}
        lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
        environment_file = self.state.programs / f"{program.name}.env"
        write_private(environment_file, "\n".join(lines) + "\n")
        script = (
            f"#!/bin/sh\n# How {program.name} is started.\n"
            f"unset {' '.join(_UNWANTED)}\nset -a\n. {shlex.quote(str(environment_file))}\n"
            f"exec {shlex.join(program.command)}\n"
        )
        write_private(self.state.programs / f"{program.name}.sh", script, mode=0o700)

    def _configuration(self, programs: Sequence[Program]) -> str:
        """Return supervisord.conf. Paths are relative to the state folder: supervisord expands % in them, twice."""
        sections = [
            f"[unix_http_server]\nfile={os.path.relpath(self._socket, self.state.path)}\nchmod=0700",
            "[supervisord]\nlogfile=logs/supervisord.log\nlogfile_maxbytes=5MB\nlogfile_backups=1\n"
            "pidfile=supervisord.pid\nchildlogdir=logs\nsilent=true"
            + ("\nuser=root" if os.geteuid() == 0 else ""),
            f"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory={_RPC_FACTORY}",
        ]
        sections += [_section(program, priority) for priority, program in enumerate(programs)]
        return "\n\n".join(sections) + "\n"


def _section(program: Program, priority: int) -> str:
    return (
        f"[program:{program.name}]\ncommand=/bin/sh programs/{program.name}.sh\npriority={priority}\n"
        "autostart=false\nautorestart=true\nstartsecs=2\nstartretries=20\n"
        f"stopsignal={program.stop_signal}\nstopwaitsecs={program.stop_seconds}\nkillasgroup=true\n"
        f"redirect_stderr=true\nstdout_logfile=logs/{program.name}.log\n"
        "stdout_logfile_maxbytes=20MB\nstdout_logfile_backups=2"
    )


def leftovers(state: StateFolder) -> list[psutil.Process]:
    """Return every process of this state folder, whoever started it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER_VARIABLE) == str(state.path):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def clear_leftovers(state: StateFolder) -> int:
    """Stop what a killed supervisord left behind, and what that starts meanwhile; return how many there were."""
    stopped = 0
    while found := leftovers(state):
        stopped += stop_processes(found)
    return stopped


def _ends_with_its_parent(process: psutil.Process) -> bool:
    """Whether it is a backend of Postgres or Python's resource tracker, which ignores every polite signal."""
    try:
        return process.name() == _POSTGRES or any("resource_tracker" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return True


def stop_processes(processes: Sequence[psutil.Process], ask: signal.Signals = signal.SIGTERM) -> int:
    """Stop processes, politely first; return how many there were.

    Postgres is always asked with SIGINT, its fast and clean shutdown.
    """
    for process in processes:
        try:
            process.send_signal(signal.SIGINT if process.name() == _POSTGRES else ask)
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=8)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)
    return len(processes)


def _process_state(info: Mapping[str, object]) -> ProcessState:
    return ProcessState(
        name=str(info["name"]),
        state=str(info["statename"]),
        pid=int(str(info["pid"])),
        started=int(str(info["start"])),
        message=str(info["spawnerr"] or info["description"]),
    )
