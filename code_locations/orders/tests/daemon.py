"""The sensor daemon as processes of its own, which may be killed, on an instance in a real Postgres.

What they run is Dagster's own code (`execute_sensor_iteration`), from the sensor to the run in the queue; nothing
takes runs out of the queue.
"""

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon import sensor

from slipway.testing.postgres import Database

PROCESSES = multiprocessing.get_context("forkserver")
"""Forked from a process that has imported what takes long, and has no threads yet."""
PROCESSES.set_forkserver_preload(["orders.definitions", "dagster_postgres", "dagster._daemon.sensor"])
SENSOR = "landing_sensor"


def configure(home: Path, database: Database) -> None:
    """Write the settings of an instance in that database."""
    settings = {
        "storage": {"postgres": {"postgres_url": database.url}},
        "run_coordinator": {
            "module": "dagster._core.run_coordinator.queued_run_coordinator",
            "class": "QueuedRunCoordinator",
        },
        "telemetry": {"enabled": False},
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))


def be_in(environment: Mapping[str, str]) -> None:
    """Have this environment and nothing else: a forked process has that of its server, as the first test left it."""
    os.environ.clear()
    os.environ.update(environment)


def iterate(environment: Mapping[str, str], home: Path, ticks: int, crash: Mapping[str, int]) -> None:
    """Be the daemon for a number of ticks; `crash` names the places of a tick where it gets a signal."""
    be_in(environment)

    # The least time between two ticks is a second, which nobody needs to wait for here.
    sensor.is_under_min_interval = lambda *_: False
    served = str(Path(__file__).with_name("served.py"))
    target = LoadableTargetOrigin(executable_path=sys.executable, python_file=served)
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name="orders")
    flags: Any = {SENSOR: crash}
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
    ):
        for _ in range(ticks):
            list(
                sensor.execute_sensor_iteration(
                    workspace, logging.getLogger("daemon"), None, None, debug_crash_flags=flags
                )
            )


class Daemon:
    """An instance of Dagster, and the daemons that work on it, one after the other."""

    def __init__(self, home: Path, database: Database) -> None:
        self.home, self.database = home, database
        configure(home, database)

    def tick(self, ticks: int = 1) -> None:
        self._run(ticks, {}, 0)

    def killed(self, place: str) -> None:
        """Run a daemon that is killed at this place of a tick."""
        self._run(1, {place: signal.SIGKILL}, -signal.SIGKILL)

    def _run(self, ticks: int, crash: Mapping[str, int], code: int) -> None:
        process = PROCESSES.Process(target=iterate, args=(dict(os.environ), self.home, ticks, crash))
        process.start()
        process.join()
        assert process.exitcode == code

    def runs(self) -> list[tuple[str, str]]:
        """Return file and status of each run, by file."""
        query = "SELECT value, status FROM runs JOIN run_tags USING (run_id) WHERE key = 'slipway/s3_key' ORDER BY 1"
        return self.database.rows(query)

    def ticks(self) -> list[str]:
        """Return the status of each tick of the sensor, oldest first. The location has other sensors too."""
        query = f"SELECT status FROM job_ticks WHERE tick_body LIKE '%\"{SENSOR}\"%' ORDER BY id"
        return [status for (status,) in self.database.rows(query)]
