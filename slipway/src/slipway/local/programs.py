"""Which processes make up the local platform, and with which environment each one runs.

Every process gets only the secrets that it needs: a code location never sees another one's database.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.environment import VARIABLE as ENVIRONMENT_VARIABLE
from slipway.environment import Environment
from slipway.local import s3
from slipway.local.ports import HOST, Ports
from slipway.local.postgres import DAGSTER, Postgres
from slipway.local.secrets import Secrets
from slipway.local.state import StateFolder
from slipway.local.supervision import Program
from slipway.pooling import pooled
from slipway.repository import CodeLocation, Repository

DAEMON = "daemon"
WEBSERVER = "webserver"
WATCHER = "watcher"
POSTGRES = "postgres"
S3 = "s3"
DAGSTER_URL_VARIABLE = "DAGSTER_POSTGRES_URL"
DEMO_URL_VARIABLE = "SLIPWAY_DEMO_DATABASE_URL"
# Materializations of many partitions are stored by the hundred: one by one they take a connection each.
_EVENT_BATCH = "500"
# Starting a run's process takes longer than the default minute on a machine that is busy; the run would be
# given up, and started nevertheless.
_GRPC_SECONDS = "240"


@dataclass(frozen=True)
class Plan:
    """Everything that is known before a process starts."""

    repository: Repository
    state: StateFolder
    ports: Ports
    secrets: Secrets
    postgres: Postgres
    s3_server: Path

    def programs(self) -> list[Program]:
        """Return the processes in the order of their start; they are stopped in the reverse."""
        locations = self.repository.code_locations
        return [
            Program(POSTGRES, self.postgres.command(), {}, stop_signal="INT", stop_seconds=30),
            Program(
                S3,
                s3.command(self.s3_server, self.state, self.ports.s3),
                s3.server_environment(self.secrets),
            ),
            *(self._code_server(location, index) for index, location in enumerate(locations)),
            Program(WEBSERVER, self._webserver(), self.instance_environment()),
            Program(
                DAEMON,
                [_root_program("dagster-daemon"), "run", "-w", str(self.workspace)],
                self.instance_environment(),
            ),
            # No part of the instance, and last: it is outside of what it watches, and ends before that does.
            Program(WATCHER, self._watcher(), {}),
        ]

    @property
    def workspace(self) -> Path:
        """The workspace file: a gRPC server per code location."""
        return self.state.dagster_home / "workspace.yaml"

    def instance_environment(self) -> dict[str, str]:
        """Return what a process needs to open the Dagster instance."""
        return {
            "DAGSTER_HOME": str(self.state.dagster_home),
            DAGSTER_URL_VARIABLE: pooled(self.postgres.url(DAGSTER, self.secrets.dagster_password, DAGSTER)),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DAGSTER_GRPC_TIMEOUT_SECONDS": _GRPC_SECONDS,
            ENVIRONMENT_VARIABLE: Environment.LOCAL,
        }

    def location_environment(self, location: CodeLocation) -> dict[str, str]:
        """Return what the code server of `location`, and its runs, get to see."""
        environment = {
            **self.instance_environment(),
            **s3.client_environment(self.secrets, self.ports.s3),
            "DAGSTER_EVENT_BATCH_SIZE": _EVENT_BATCH,
        }
        if location.database and location.database_variable:
            environment[location.database_variable] = own_input(
                location.database_variable
            ) or self._database_url(location, location.database)
        return environment | self.folders(location)

    def folders(self, location: CodeLocation) -> dict[str, str]:
        """Return the folders of `location` by their variables; one that the shell names goes first."""
        return {
            variable: own_input(variable) or str(self.state.data / folder)
            for variable, folder in location.folders.items()
        }

    def demo_environment(self, location: CodeLocation) -> dict[str, str]:
        """Return what the demo command of `location` gets: its folders, and its database as the tables' owner."""
        if not location.database:
            return self.folders(location)
        database = location.database
        url = self.postgres.url(database, self.secrets.of_owner(database), database)
        return {**self.folders(location), DEMO_URL_VARIABLE: url}

    def _database_url(self, location: CodeLocation, database: str) -> str:
        if location.owns_database:
            return self.postgres.url(database, self.secrets.of_owner(database), database)
        return self.postgres.url(location.name, self.secrets.of_reader(location.name), database)

    def _code_server(self, location: CodeLocation, index: int) -> Program:
        command = [str(location.executable("dagster")), "api", "grpc", "--module-name", location.module]
        command += [
            "--host",
            HOST,
            "--port",
            str(self.ports.code_server(index)),
            "--location-name",
            location.name,
        ]
        # A location that fails to import still answers, with its error, instead of vanishing from the UI.
        command += ["--lazy-load-user-code", "--working-directory", str(location.path)]
        return Program(
            code_server_name(location), command, self.location_environment(location), stop_seconds=20
        )

    def _watcher(self) -> list[str]:
        command = [_root_program("slipway"), "watch", "--url", f"http://{HOST}:{self.ports.webserver}"]
        settings = self.repository.root / "alerts.toml"
        return [*command, "--settings", str(settings), "--state", str(self.state.alerts)]

    def _webserver(self) -> list[str]:
        command = [_root_program("dagster-webserver"), "--host", HOST, "--port", str(self.ports.webserver)]
        return [*command, "--workspace", str(self.workspace)]


def code_server_name(location: CodeLocation) -> str:
    """Return the process name: the location's name as Kubernetes would spell it."""
    return location.name.replace("_", "-")


def own_input(variable: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the user's own database or folder, if the shell names one in `variable`."""
    return environment.get(variable) or None


def has_own_input(location: CodeLocation) -> bool:
    """Whether the shell names a database or a folder of the user's own for this location."""
    variables = [location.database_variable or "", *location.folders]
    return any(own_input(variable) for variable in variables)


def _root_program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
