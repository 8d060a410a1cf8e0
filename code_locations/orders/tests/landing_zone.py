"""A landing zone with its queue for the tests: an S3 and an SQS endpoint of one process, files of orders, runs.

The endpoint is ministack. What it does not do as AWS does, as far as these tests are concerned: a message is
never delivered twice by itself nor out of order, none is hidden from a short poll; an event is in the queue as
soon as the object is there; no throttling, no eventual anything; credentials are not checked. What matters is
made to happen by the tests themselves: messages that come again, come late, or say what is outdated.
"""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

from orders.definitions import build_defs
from orders.defs.arrivals.rows import NAMES, SCHEMA
from orders.defs.arrivals.settings import ArrivalSettings
from slipway.resources import LandingBucket, PostgresResource
from slipway.storage import ParquetIOManager
from slipway.testing.ports import free_port

DAY = datetime(2026, 3, 1, 10, tzinfo=UTC)


def orders(*ids: int, day: datetime = DAY, row: int = 0, **values: Any) -> list[dict[str, Any]]:
    """Return a row per id, with the columns of the feed; `row` is added to the id to make the row's."""
    return [
        {
            "row_id": each + row,
            "order_id": each,
            "customer_id": None if each % 7 == 0 else each % 5,
            "ordered_at": day + timedelta(seconds=each),
            "received_at": day + timedelta(seconds=each + row),
            "status": "completed",
            "currency": "EUR",
            "amount": f"{each}.50",
        }
        | values
        for each in ids
    ]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **_times(row)} for row in rows)
    return text.getvalue().encode()


def as_json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps({**row, **_times(row)}) + "\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    pq.write_table(table(rows), target)
    return target.getvalue()


def written(rows: list[dict[str, Any]], suffix: str) -> bytes:
    content = {".csv": as_csv, ".jsonl": as_json_lines, ".parquet": as_parquet}[suffix.removesuffix(".gz")](
        rows
    )
    return gzip.compress(content) if suffix.endswith(".gz") else content


def _times(row: dict[str, Any]) -> dict[str, str]:
    return {name: row[name].isoformat() for name in ("ordered_at", "received_at")}


@contextmanager
def endpoint(log: Path) -> Iterator[str]:
    """Run an S3 and SQS endpoint and yield its URL."""
    port = free_port()
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "SERVICES": "s3,sqs",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env={**os.environ, **settings}, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urlopen(f"{url}/_ministack/health", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, log.read_text()
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(20)


class Zone:
    """A landing bucket with assets beside it, and the job and the sensor over them."""

    def __init__(
        self, name: str, settings: ArrivalSettings, instance: dg.DagsterInstance | None = None
    ) -> None:
        self.client = boto3.client("s3")
        self.bucket, self.assets = f"landing-{name}", f"assets-{name}"
        for bucket in (self.bucket, self.assets):
            self.client.create_bucket(Bucket=bucket)
        self.landing = LandingBucket(url=f"s3://{self.bucket}", retry_seconds=1)
        self.defs = build_defs(
            resources={
                "landing": self.landing,
                "io_manager": ParquetIOManager(base_url=f"s3://{self.assets}", retry_seconds=5),
                "source": PostgresResource(url="postgresql://never@used/"),
            },
            arrivals=settings,
        )
        self.job = self.defs.resolve_job_def("land_orders")
        self.sensor = self.defs.resolve_sensor_def("landing_sensor")
        self.instance = instance or dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None

    def put(self, key: str, content: bytes) -> str:
        """Write a file and return its version."""
        return self.client.put_object(Bucket=self.bucket, Key=key, Body=content)["ETag"].strip('"')

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def reasons(self) -> dict[str, dict[str, Any]]:
        """Return what the reason files say, by the original key."""
        found = [
            json.loads(self.read(key)) for key in self.keys("quarantine/") if key.endswith(".reason.json")
        ]
        return {each["key"]: each for each in found}

    def run(self, key: str, version: str = "", *, fails: bool = False) -> dg.ExecuteInProcessResult:
        """Run the job for one version of one file."""
        config = {"ops": {"landed_orders": {"config": {"s3_key": key, "version": version}}}}
        result = self.job.execute_in_process(run_config=config, instance=self.instance, raise_on_error=False)
        assert result.success is not fails
        return result

    def outcome(self, result: dg.ExecuteInProcessResult) -> str:
        (check,) = result.get_asset_check_evaluations()
        name = check.metadata["outcome"].value
        assert check.passed == (name in ("landed", "superseded"))
        return name

    def day(self, day: str) -> list[dict[str, Any]]:
        """Return the rows of a partition, as pyarrow alone reads them."""
        content = self.client.get_object(Bucket=self.assets, Key=f"landed_orders/{day}.parquet")[
            "Body"
        ].read()
        return pq.read_table(pa.BufferReader(content)).to_pylist()

    def days(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.assets, Prefix="landed_orders/").get("Contents", [])
        return [each["Key"].removeprefix("landed_orders/").removesuffix(".parquet") for each in found]

    def ask(self) -> list[dg.RunRequest]:
        """Evaluate the sensor once, as the daemon does, and keep its cursor; return what it asks for."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.defs.get_repository_def(),
            resources={"landing": self.landing},
        )
        result = self.sensor.evaluate_tick(context)
        self.cursor = result.cursor
        return list(result.run_requests or [])

    def tick(self) -> list[dg.RunRequest]:
        """Ask the sensor, and put the runs that it asks for into the queue; return their requests."""
        asked = self.ask()
        for request in asked:
            self.record(request)
        return asked

    def record(self, request: dg.RunRequest) -> None:
        self.instance.run_storage.add_run(self.new_run(request, dg.DagsterRunStatus.QUEUED))

    def new_run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """Return the run that the daemon makes of a request."""
        tags = {**request.tags, "dagster/run_key": request.run_key, "dagster/sensor_name": self.sensor.name}
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("orders"), "__repository__")
        return dg.DagsterRun(
            "land_orders",
            tags=tags,
            status=status,
            run_config=request.run_config,
            remote_job_origin=place.get_job_origin("land_orders"),
        )
