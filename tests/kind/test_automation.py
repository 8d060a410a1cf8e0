"""What the cluster's daemon does by itself: a sensor, and a backfill."""

import time
import uuid
from collections.abc import Iterator

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store

from slipway.deploy.deployment import Deployment
from slipway.graphql import GraphQL
from support.deployed import bucket, code_server, pod_of_run, succeed, until

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
DAYS = [f"2026-04-{day:02}" for day in range(1, 31)]
ASSETS = ("bronze_orders", "daily_orders", "daily_revenue_partitioned")
# Prints one of the demo's good files; its rows are of the first three days that there are, and of no order of the database.
_FILE = """
import sys, datetime
from orders.demo.drop import files
from orders.schema import FIRST_DAY
sys.stdout.write(next(files(4711, FIRST_DAY + datetime.timedelta(days=2))).content.decode())
"""


@pytest.fixture
def landed_file(deployed: Deployment) -> Iterator[str]:
    """The key of a file that has just landed in the landing zone; it and what was made of it are deleted again."""
    server = code_server(deployed, "orders")
    content = deployed.cluster.run("exec", server, "--", "python", "-c", _FILE)
    assert content.count("\n") > 100
    key = f"orders/test/{uuid.uuid4().hex}.csv"
    with bucket(deployed, "landing") as landing, bucket(deployed, "assets") as assets:
        before = landed(assets)
        obstore.put(landing, key, content.encode())
        yield key
        obstore.delete(landing, key)
        obstore.delete(assets, sorted(landed(assets) - before))


def landed(assets: S3Store) -> set[str]:
    return {each["path"] for page in obstore.list(assets, "landed_orders") for each in page}


def test_a_file_on_s3_starts_a_run_by_the_sensor(
    deployed: Deployment, api: GraphQL, landed_file: str
) -> None:
    run, _ = until("the sensor's run", 180, lambda: api.latest_run("slipway/s3_key", landed_file))
    assert tags(api, run)["dagster/sensor_name"] == "landing_sensor"
    assert pod_of_run(deployed, run)["spec"]["serviceAccountName"] == "orders"
    succeed(api, run)
    with bucket(deployed, "assets") as assets:
        tables = [pq.read_table(pa.BufferReader(obstore.get(assets, key).bytes())) for key in landed(assets)]
    assert sum(table.num_rows for table in tables) >= 100


def test_a_backfill_of_thirty_days_is_one_run(
    deployed: Deployment, api: GraphQL, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    asked = {"assetSelection": [{"path": [asset]} for asset in ASSETS], "partitionNames": DAYS}
    launched = api.ask(_LAUNCH, asked=asked)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill = launched["backfillId"]

    def over() -> dict[str, object] | None:
        found = api.ask(_BACKFILL, backfill=backfill)["partitionBackfillOrError"]
        return found if found["status"].startswith(("COMPLETED", "FAILED", "CANCELED")) else None

    found = until("the end of the backfill", 600, over)
    assert found["status"] == "COMPLETED_SUCCESS", found
    runs = api.ask(_RUNS, tags=[{"key": "dagster/backfill", "value": backfill}])["runsOrError"]["results"]
    assert len(runs) == 1
    (run,) = (each["runId"] for each in runs)
    for asset in ASSETS:
        made = api.ask(_MADE, asset={"path": [asset]}, days=DAYS)["assetNodeOrError"]
        assert [each["runId"] for each in made["latestMaterializationByPartition"]] == [run] * len(DAYS)
    assert deployed.cluster.find("jobs", f"dagster/run-id={run}")
    with capsys.disabled():
        seconds = time.monotonic() - began
        print(f"\n{len(DAYS)} days of {len(ASSETS)} assets: {len(runs)} run, {seconds:.0f} s")  # noqa: T201 - a figure


def tags(api: GraphQL, run: str) -> dict[str, str]:
    found = api.ask(
        "query ($run: ID!) { runOrError(runId: $run) { ... on Run { tags { key value } } } }", run=run
    )
    return {each["key"]: each["value"] for each in found["runOrError"]["tags"]}


_LAUNCH = """mutation ($asked: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $asked) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_BACKFILL = """query ($backfill: String!) { partitionBackfillOrError(backfillId: $backfill) { __typename
  ... on PartitionBackfill { status error { message } } } }"""
_RUNS = "query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) { ... on Runs { results { runId } } } }"
_MADE = """query ($asset: AssetKeyInput!, $days: [String!]) { assetNodeOrError(assetKey: $asset) { ... on AssetNode {
  latestMaterializationByPartition(partitions: $days) { runId } } } }"""
