"""What a code location needs of the machine before its code server starts: environment, database, folders, demo data."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from slipway.errors import indented
from slipway.local import postgres
from slipway.local.errors import LocalPlatformError
from slipway.local.programs import Plan, has_own_input
from slipway.progress import Say
from slipway.repository import CodeLocation


def install(location: CodeLocation) -> None:
    """Install the location's own environment as its lock says; quick when nothing changed.

    Raises:
        LocalPlatformError: uv is missing or failed; the message carries the end of its output.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise LocalPlatformError("uv was not found.", "Use `make up`, which brings it along.")
    # Its own environment, whatever environment this process runs in.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [uv, "sync", "--frozen", "--inexact", "--no-default-groups", "--project", str(location.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalPlatformError(
            f"The environment of {location.name} could not be installed:\n{indented(done.stderr)}",
            f"Try `uv sync --project {location.path}`.",
        )


def prepare(location: CodeLocation) -> None:
    """Run the location's own step after installing, if it has one.

    Raises:
        LocalPlatformError: it failed; the message carries what it said.
    """
    if not location.prepare:
        return
    command = [str(location.executable(location.prepare[0])), *location.prepare[1:]]
    done = subprocess.run(command, cwd=location.path, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalPlatformError(
            f"{location.name} could not be prepared:\n{indented(done.stdout + done.stderr)}",
            f"Correct it and run `{' '.join(location.prepare)}` in {location.path} again.",
        )


def ensure_database(location: CodeLocation, plan: Plan, connection: psycopg.Connection) -> None:
    """Give the location its database: the tables' owner is called like it, the location reads unless it owns it."""
    if not location.database:
        return
    database = location.database
    postgres.ensure_role(connection, database, plan.secrets.of_owner(database))
    postgres.ensure_database(connection, database, database)
    if not location.owns_database:
        postgres.ensure_role(connection, location.name, plan.secrets.of_reader(location.name))
        postgres.ensure_reader(plan.postgres, plan.secrets, database, database, location.name)


def make_folders(location: CodeLocation, plan: Plan) -> None:
    """Create the folders that the location reads files from, unless they are the user's own."""
    for folder in location.folders.values():
        (plan.state.data / folder).mkdir(parents=True, exist_ok=True, mode=0o700)


def wants_demo(location: CodeLocation, plan: Plan) -> bool:
    """Whether the location's database or folders are still to be filled.

    A demo command that fills a database works in one transaction: a table is there only when all of it is.
    One that fills folders is noted in the state folder when it has succeeded.
    """
    if not location.demo or has_own_input(location):
        return False
    if location.folders or not location.database:
        return location.name not in plan.state.read_marker().get("demos", [])
    with postgres.connect(plan.postgres, plan.secrets, location.database) as connection:
        return not connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone()


def load_demo(location: CodeLocation, plan: Plan, arguments: Sequence[str], say: Say) -> None:
    """Run the location's demo command, with `arguments` appended, and pass on what it says.

    Raises:
        LocalPlatformError: it failed; the message carries the end of its error output.
    """
    command = [str(location.executable(location.demo[0])), *location.demo[1:], *arguments]
    errors = plan.state.logs / f"demo-{location.name}.log"
    with (
        errors.open("w") as log,
        subprocess.Popen(
            command,
            env={**os.environ, **plan.demo_environment(location)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=location.path,
        ) as process,
    ):
        for line in process.stdout or ():
            say(line.strip())
    if process.returncode:
        raise LocalPlatformError(
            f"The demo data of {location.name} could not be loaded:\n{indented(_end(errors))}",
            "Nothing of it was kept; run `make up` again.",
        )
    plan.state.write_marker(demos=sorted({*plan.state.read_marker().get("demos", []), location.name}))


def _end(file: Path) -> str:
    return file.read_text(errors="replace")
