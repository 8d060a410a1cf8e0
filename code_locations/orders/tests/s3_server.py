"""The S3 server that the local platform has, versitygw, for tests that need more of it than ministack gives.

Its buckets are folders: files written there are objects, with the ETag that their attribute `user.etag` holds. It
writes down each request.
"""

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from slipway.testing.ports import free_port

ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class S3Server:
    """A running server: its URL, the folder with its buckets, and the log of requests."""

    url: str
    buckets: Path
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**ACCESS, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.url}

    def requests(self, operation: str) -> int:
        """Return how many requests for that operation there were, `ListObjectsV2` for one: each page is a request."""
        return self.log.read_text().count(f" s3_{operation} ")

    def place(self, bucket: str, key: str, content: bytes = b"", *, size: int = 0) -> str:
        """Put a file into a bucket's folder, of `content`, or of `size` bytes that take no place; return its ETag."""
        file = self.buckets / bucket / key
        file.parent.mkdir(parents=True, exist_ok=True)
        e_tag = hashlib.md5(content or key.encode()).hexdigest()
        new = file.with_name(f".{file.name}")
        new.write_bytes(content)
        if size:
            os.truncate(new, size)
        os.setxattr(new, "user.etag", e_tag.encode())
        new.replace(file)
        return e_tag


def program() -> str:
    """Return the server's program, where `slipway prepare --servers` builds it or the tests are told it is."""
    if named := os.environ.get("SLIPWAY_VERSITYGW"):
        return named
    cache = Path(os.environ.get("SLIPWAY_CACHE") or Path.home() / ".cache" / "slipway")
    built = sorted((cache / "bin").glob("versitygw-*[0-9]"))
    if not built:
        pytest.skip("no S3 server: run `slipway prepare --servers`, or name a versitygw in SLIPWAY_VERSITYGW")
    return str(built[-1])


@contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """Run a server on that folder."""
    port, log = free_port(), folder / "requests"
    server = S3Server(f"http://127.0.0.1:{port}", folder / "buckets", log)
    server.buckets.mkdir()
    keys = {
        "ROOT_ACCESS_KEY": ACCESS["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": ACCESS["AWS_SECRET_ACCESS_KEY"],
    }
    command = [program(), "--port", f"127.0.0.1:{port}", "--quiet", "--access-log", log]
    process = subprocess.Popen([*command, "posix", server.buckets], env={**os.environ, **keys})
    try:
        client = boto3.client("s3", endpoint_url=server.url, **boto_keys())
        deadline = time.monotonic() + 60
        while True:
            try:
                client.list_buckets()
                break
            except EndpointConnectionError:
                assert time.monotonic() < deadline
                assert process.poll() is None
        yield server
    finally:
        process.terminate()
        process.wait(20)


def boto_keys() -> dict[str, str]:
    return {
        "aws_access_key_id": ACCESS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": ACCESS["AWS_SECRET_ACCESS_KEY"],
        "region_name": ACCESS["AWS_REGION"],
    }
