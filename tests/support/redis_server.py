"""A Redis of a test's own."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from slipway.testing.ports import free_port


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run Redis on a port of this machine, or a free one; yields its URL. Skips the test where there is no Redis."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here; on Debian: apt install redis-server")
    if port is None:
        port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with folder.joinpath("redis.log").open("wb") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=log)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        _wait(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "Redis ended"
        try:
            redis.Redis.from_url(url).ping()
        except redis.exceptions.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Redis does not answer")
