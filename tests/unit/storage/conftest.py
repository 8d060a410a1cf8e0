"""A real S3 server, and IO managers on it and on a disk, for the tests of the storage."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from slipway.storage import ParquetIOManager
from slipway.testing.ports import free_port

BUCKET = "assets"
KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "tester-secret", "AWS_REGION": "us-east-1"}


def versitygw() -> str | None:
    """Return the S3 server's program, from where `make up` builds it or the tests are told it is."""
    named = os.environ.get("SLIPWAY_VERSITYGW")
    cached = Path.home() / ".cache/slipway/bin/versitygw-1.8.0"
    return named or (str(cached) if cached.exists() else shutil.which("versitygw"))


@dataclass
class S3Server:
    """A server that the tests may stop and start; its buckets are folders below `data`."""

    program: str
    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        keys = {
            "ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"],
        }
        command = [self.program, "--port", f"127.0.0.1:{self.port}", "--quiet", "posix", str(self.data)]
        self.process = subprocess.Popen(
            command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the S3 server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def environment(self) -> dict[str, str]:
        return {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def files(self, bucket: str = BUCKET) -> set[str]:
        """Return all files of a bucket, parts of unfinished uploads included."""
        folder = self.data / bucket
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    program = versitygw()
    if program is None:
        pytest.skip("no versitygw: run `make up` once, which builds it, or set SLIPWAY_VERSITYGW")
    server = S3Server(program, tmp_path_factory.mktemp("s3"), free_port())
    (server.data / BUCKET).mkdir()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The running server with an empty bucket, and the environment that leads to it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    if s3_server.process is None:
        s3_server.start()
    shutil.rmtree(s3_server.data / BUCKET)
    (s3_server.data / BUCKET).mkdir()
    yield s3_server
    if s3_server.process is None:
        s3_server.start()


@dataclass
class Storage:
    """An IO manager and the folder in which its objects are found as plain files."""

    manager: ParquetIOManager
    folder: Path

    def keys(self) -> set[str]:
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        return {key for key in found if not key.startswith(".")}

    def with_settings(self, **settings: Any) -> "Storage":
        return Storage(
            ParquetIOManager(**{"base_url": self.manager.base_url, "step_retries": 0, **settings}),
            self.folder,
        )

    def materialize(self, *assets: Any, **options: Any) -> dg.ExecuteInProcessResult:
        return dg.materialize(list(assets), resources={"io_manager": self.manager}, **options)


@pytest.fixture
def on_s3(s3: S3Server) -> Storage:
    return Storage(
        ParquetIOManager(base_url=f"s3://{BUCKET}", retry_seconds=1.0, step_retries=0), s3.data / BUCKET
    )


@pytest.fixture
def on_disk(tmp_path: Path) -> Storage:
    return Storage(ParquetIOManager(base_url=(tmp_path / "lake").as_uri(), step_retries=0), tmp_path / "lake")


@pytest.fixture(params=["s3", "file"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """Each test that takes this runs on both."""
    return request.getfixturevalue("on_s3" if request.param == "s3" else "on_disk")


def partition_range(first: str, last: str) -> dict[str, str]:
    """Return the tags of a run over several partitions, as a single-run backfill sets them."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
