"""What the code locations make in the cluster is what the local platform makes of the same demo data, byte for byte.

Both are the real thing: `slipway up` on this machine, and Jobs in the cluster, by way of each one's queue, daemon and S3 server.
Compared is every object of the graphs' assets, and every table of editorial, whose results lie in Postgres. Not equal, and left
out: when a file landed, was loaded and by which run (`_OF_THE_LOAD`), dlt's own keys, which it draws by chance
(`_dlt_*`), and the text of rejected lines (`_SPELLED_BY_PYTHON`).
"""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from slipway.deploy.deployment import Deployment
from slipway.graphql import RANGE_END_TAG, RANGE_START_TAG, GraphQL
from slipway.local.state import StateFolder
from support.deployed import bucket, contents, database, launch_assets, open_bucket, succeed
from support.platform import Platform

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
RUN_SECONDS = 600
# By code location, the job that makes its graph; each over all partitions that there are.
GRAPHS = {"orders": "daily_pipeline", "sales": "sales_job", "editorial": "editorial_daily"}
MONTH = "2026-03"
# Of the assets that the jobs above, monthly_report_job and a run of sales_vs_orders make.
FOLDERS = (
    "bronze_orders",
    "cleaned_orders",
    "daily_orders",
    "daily_revenue",
    "daily_revenue_partitioned",
    "raw_orders",
    "sales",
    "sales_vs_orders",
    "silver_orders",
    "total_by_country",
)
REPORT = f"monthly_report/{MONTH}.html"
# A rejected line as Python spells it, with the class of its time zone: that of another library where pytz is installed.
_SPELLED_BY_PYTHON = ("rejected_lines", "text")
_OF_THE_LOAD = frozenset({"landed_at", "loaded_at", "run_id", "version"})


@pytest.fixture(scope="module")
def last_day(deployed: Deployment) -> str:
    """The last day of the cluster's demo data: that before it was loaded."""
    job = deployed.cluster.get("job", "orders-demo")
    assert job, "the demo data was not loaded"
    loaded = datetime.fromisoformat(job["status"]["startTime"]).date()
    return (loaded - timedelta(days=1)).isoformat()


@pytest.fixture(scope="module")
def local(last_day: str) -> Iterator[Platform]:
    """The local platform, with the cluster's demo data, and its graphs made by `slipway up`."""
    # Short: a Unix socket's path holds about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    running = Platform(StateFolder(folder / "state"))
    try:
        demo = [f"{name}: --until {last_day}" for name in ("orders", "sales")]
        running.up("--demo-args", demo[0], "--demo-args", demo[1])
        make_reports(running.web)
        yield running
    finally:
        running.slipway("clean", "--yes")
        shutil.rmtree(folder)


def make(api: GraphQL, deployed: Deployment, *locations: str) -> None:
    """Make the graphs of `locations` in the cluster, each in a Job."""
    runs = [api.launch(name, GRAPHS[name], over_all(api, name, GRAPHS[name])) for name in locations]
    for run in runs:
        succeed(api, run, RUN_SECONDS)
        assert deployed.cluster.find("job", f"dagster/run-id={run}"), f"{run} had no Job"


def over_all(api: GraphQL, location: str, job: str) -> dict[str, str]:
    """Return the tags of a run over all partitions of a job; none without partitions."""
    keys = api.partition_keys(location, job)
    return {RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]} if keys else {}


def make_reports(api: GraphQL) -> None:
    """Make what `sales` makes besides its first job: of a month, and of both locations."""
    month = api.launch("sales", "monthly_report_job", {"dagster/partition": MONTH})
    both = launch_assets(api, "sales", "sales_vs_orders")
    for run in (month, both):
        succeed(api, run, RUN_SECONDS)


def of_graphs(objects: dict[str, bytes]) -> dict[str, bytes]:
    return {
        key: content
        for key, content in objects.items()
        if key == REPORT or key.split("/")[0].removesuffix(".parquet") in FOLDERS
    }


def tables(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return every row of every table and view as text, by its name, without what tells one load from another."""
    found: dict[str, list[str]] = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        columns = [
            name
            for (name,) in connection.execute(_COLUMNS, (schema, table)).fetchall()
            if name not in _OF_THE_LOAD
            and (table, name) != _SPELLED_BY_PYTHON
            and not name.startswith("_dlt_")
        ]
        query = sql.SQL("SELECT ROW({})::text FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, table)
        )
        found[f"{schema}.{table}"] = sorted(row for (row,) in connection.execute(query).fetchall())
    return found


_TABLES = r"""SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'raw_staging') AND table_name NOT LIKE '\_dlt\_%'"""
_COLUMNS = """SELECT column_name FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"""


def test_objects_on_s3_are_the_local_platform_s_byte_for_byte(
    deployed: Deployment, api: GraphQL, local: Platform
) -> None:
    make(api, deployed, "orders", "sales")
    make_reports(api)
    settings = local.settings("sales")
    here = of_graphs(contents(open_bucket("assets", settings["AWS_ENDPOINT_URL"], settings)))
    with bucket(deployed, "assets") as store:
        there = of_graphs(contents(store))
    assert {key.split("/")[0].removesuffix(".parquet") for key in here} == {*FOLDERS, "monthly_report"}
    assert sorted(there) == sorted(here)
    assert [key for key in sorted(here) if here[key] != there[key]] == []


def test_tables_of_editorial_are_the_local_platform_s_row_by_row(
    deployed: Deployment, api: GraphQL, local: Platform
) -> None:
    make(api, deployed, "editorial")
    with local.connect("newsroom") as connection:
        here = tables(connection)
    with database(deployed, "newsroom", "newsroom", "editorial-database") as connection:
        there = tables(connection)
    assert sum(map(len, here.values())) > 1000
    assert sorted(there) == sorted(here)
    assert [name for name in sorted(here) if here[name] != there[name]] == []
