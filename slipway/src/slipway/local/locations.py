"""What a code location needs of the machine before its code server starts: environment, database, demo data."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from slipway.local import postgres
from slipway.local.errors import LocalPlatformError, indented
from slipway.local.programs import Plan, own_database
from slipway.local.progress import Say
from slipway.local.repository import CodeLocation


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


def ensure_database(location: CodeLocation, plan: Plan, connection: psycopg.Connection) -> None:
    """Give the location its database: the tables' owner is called like it, the location only reads."""
    if not location.database:
        return
    postgres.ensure_role(connection, location.database, plan.secrets.owner_password)
    postgres.ensure_role(connection, location.name, plan.secrets.reader_password)
    postgres.ensure_database(connection, location.database, location.database)
    postgres.ensure_reader(plan.postgres, plan.secrets, location.database, location.database, location.name)


def wants_demo(location: CodeLocation, plan: Plan) -> bool:
    """Whether the location's database is still to be filled.

    The demo command works in one transaction, so that a table is there only when all of it is.
    """
    if not location.demo or not location.database or own_database(location):
        return False
    with postgres.connect(plan.postgres, plan.secrets, location.database) as connection:
        return not connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone()


def load_demo(location: CodeLocation, plan: Plan, arguments: tuple[str, ...], say: Say) -> None:
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


def _end(file: Path) -> str:
    return file.read_text(errors="replace")
