"""The code location as others load it: its gRPC server, dg, and the platform."""

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.secrets.env_file import get_env_var_dict

from orders import definitions
from orders.defs.order_system.columns import table_schema
from orders.schema import SOURCE
from slipway.environment import Environment, MissingSettingError, UnknownEnvironmentError
from slipway.testing.ports import free_port
from slipway.testing.postgres import Database

PROJECT = Path(__file__).parents[1]
ASSETS = {
    "raw_orders",
    "cleaned_orders",
    "daily_revenue",
    "daily_orders",
    "daily_revenue_partitioned",
    "bronze_orders",
    "silver_orders",
}
BLOCKING = {
    ("raw_orders", "orders_not_empty"),
    ("raw_orders", "matches_source"),
    ("raw_orders", "row_ids_unique"),
    ("raw_orders", "keys_present"),
    ("cleaned_orders", "adds_up"),
    ("daily_revenue", "adds_up"),
    ("daily_orders", "matches_source"),
    ("daily_orders", "row_count_anomaly"),
    ("daily_revenue_partitioned", "adds_up"),
    ("bronze_orders", "matches_source"),
    ("bronze_orders", "row_ids_unique"),
    ("bronze_orders", "keys_present"),
    ("bronze_orders", "row_count_anomaly"),
    ("silver_orders", "holds_what_was_read"),
}
WARNING = {
    ("raw_orders", "times_in_order"),
    ("raw_orders", "not_shrunk"),
    ("cleaned_orders", "no_negative_amounts"),
    ("cleaned_orders", "few_quarantined"),
    ("bronze_orders", "times_in_order"),
    ("silver_orders", "nothing_gone"),
    ("silver_orders", "nothing_before_window"),
}
PUBLISHED = {"cleaned_orders", "daily_orders", "daily_revenue", "daily_revenue_partitioned", "silver_orders"}
BLOCKING |= {(asset, "contract") for asset in PUBLISHED}
ARRIVING = {"landed_orders"}
CHECKS = BLOCKING | WARNING | {("landed_orders", "file_was_good"), ("landed_orders", "row_count_anomaly")}
DAILY = {"daily_orders", "daily_revenue_partitioned", "bronze_orders"}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_ENV", "local")
        return definitions.defs()


@pytest.fixture(scope="module")
def served() -> Iterator[RemoteRepository]:
    """What the webserver gets from the code server."""
    port = free_port()
    command = [sys.executable, "-m", "dagster", "api", "grpc", "--module-name", "orders.definitions"]
    environment = {**os.environ, "SLIPWAY_ENV": "local"}
    # Neither its database nor its bucket is needed to be served.
    for name in ("ORDERS_SOURCE_URL", "SLIPWAY_STORAGE_URL", "SLIPWAY_LANDING_URL"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
    )
    origin = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=port, location_name="orders")
    try:
        with dg.DagsterInstance.ephemeral() as instance, _connected(origin, instance, process) as location:
            (repository,) = location.get_repositories().values()
            yield repository
    finally:
        # Not asked politely: where pytest was started in the background, what it starts ignores that.
        process.kill()
        process.wait()


def _connected(origin, instance, process):
    for _ in range(300):
        assert process.poll() is None, "the code server ended"
        try:
            return origin.create_location(instance)
        except DagsterUserCodeUnreachableError:
            time.sleep(0.1)
    raise AssertionError("the code server does not answer")


def test_the_code_server_serves_the_whole_graph(served: RemoteRepository) -> None:
    nodes = {node.asset_key.to_user_string(): node for node in served.get_asset_node_snaps()}
    assert set(nodes) == ASSETS | ARRIVING
    checks = {(each.asset_key.to_user_string(), each.name) for each in served.get_asset_check_node_snaps()}
    assert checks == CHECKS
    assert {job.name for job in served.get_all_jobs()} >= {"daily_pipeline"}
    assert {key.to_user_string() for key in served.get_asset_keys_in_job("daily_pipeline")} == ASSETS
    (schedule,) = served.get_schedules()
    assert (schedule.name, schedule.cron_schedule, schedule.job_name) == (
        "daily_pipeline_schedule",
        "0 6 * * *",
        "daily_pipeline",
    )
    assert {name for name, node in nodes.items() if node.partitions is not None} == DAILY | ARRIVING


def test_edges_are_those_of_the_graph(served: RemoteRepository) -> None:
    graph = {
        node.asset_key.to_user_string(): {
            edge.parent_asset_key.to_user_string() for edge in node.parent_edges
        }
        for node in served.get_asset_node_snaps()
    }
    assert graph == {
        "raw_orders": set(),
        "cleaned_orders": {"raw_orders"},
        "daily_revenue": {"cleaned_orders"},
        "daily_orders": set(),
        "daily_revenue_partitioned": {"daily_orders"},
        "bronze_orders": set(),
        "silver_orders": {"bronze_orders"},
        "landed_orders": set(),
    }


def test_definitions_are_loadable(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_says_what_it_is(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description
        assert list(spec.owners) == ["team:orders"]
        assert spec.kinds
        assert spec.group_name in ("order_system", "arrivals")
        columns = spec.metadata["dagster/column_schema"].columns
        assert all(column.description for column in columns)
    for table in SOURCE:
        assert all(column.description for column in table_schema(table.columns).columns)


def test_checks_have_their_severity_and_blocking(defs: dg.Definitions) -> None:
    specs = [spec for each in [*defs.asset_checks, *defs.assets] for spec in each.check_specs]
    assert all(spec.description for spec in specs)
    found = {(spec.asset_key.to_user_string(), spec.name) for spec in specs if spec.blocking}
    assert found == BLOCKING


def test_an_environment_is_needed_and_has_to_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_ENV", raising=False)
    with pytest.raises(MissingSettingError, match="SLIPWAY_ENV is not set"):
        definitions.defs()
    monkeypatch.setenv("SLIPWAY_ENV", "staging")
    with pytest.raises(UnknownEnvironmentError, match="local, kind, dev, prod"):
        definitions.defs()


def test_the_local_platform_finds_what_it_asks_for(defs: dg.Definitions) -> None:
    wishes = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["slipway"]["local"]
    assert wishes["database_variable"] == "ORDERS_SOURCE_URL"
    assert wishes["demo"] == ["python", "-m", "orders.demo", "load"]
    assert defs.resolve_job_def(wishes["first_job"]).partitions_def is not None


def dg_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "ORDERS_"))
    }
    return subprocess.run(
        [Path(sys.executable).with_name("dg"), *arguments],
        cwd=PROJECT,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dg_works_in_the_folder_without_any_setting() -> None:
    checked = dg_command("check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = json.loads(dg_command("list", "defs", "--json").stdout)
    assert {asset["asset_key"] for asset in listed["assets"]} == ASSETS | ARRIVING


@pytest.mark.parametrize("environment", [None, "prod"])
def test_the_env_file_does_not_go_before_the_environment(
    environment: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLIPWAY_ENV", raising=False)
    if environment:
        monkeypatch.setenv("SLIPWAY_ENV", environment)
    assert get_env_var_dict(str(PROJECT)) == {"SLIPWAY_ENV": environment or "local"}


def test_dg_launches_an_asset(demo: Database, tmp_path: Path) -> None:
    settings = {"ORDERS_SOURCE_URL": demo.url, "SLIPWAY_STORAGE_URL": f"file://{tmp_path}/assets"}
    (tmp_path / "home").mkdir()
    done = dg_command("launch", "--assets", "raw_orders", DAGSTER_HOME=f"{tmp_path}/home", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "assets" / "raw_orders.parquet").exists()


@pytest.mark.parametrize(
    ("environment", "executor"), [(Environment.LOCAL, "in_process"), (Environment.PROD, "k8s")]
)
def test_revenue_is_made_in_pods_where_there_are_pods(environment: Environment, executor: str) -> None:
    defs = definitions.build_defs(
        resources={"source": None, "io_manager": dg.mem_io_manager}, environment=environment
    )
    job = defs.resolve_job_def("revenue_in_pods")
    assert job.executor_def.name == executor
    tags = job.get_node_named("cleaned_orders").tags
    assert '"memory": "1Gi"' in tags["dagster-k8s/config"]


@pytest.mark.parametrize(
    ("environment", "executor", "canaries"),
    [
        (Environment.LOCAL, "in_process", {"canary"}),
        (Environment.KIND, "celery-k8s", {"canary", "canary_in_pods", "canary_in_queue", "canary_warm"}),
    ],
)
def test_steps_queue_where_there_is_a_queue(
    environment: Environment, executor: str, canaries: set[str]
) -> None:
    defs = definitions.build_defs(
        resources={"source": None, "io_manager": dg.mem_io_manager}, environment=environment
    )
    job = defs.resolve_job_def("raw_orders_in_queue")
    assert job.executor_def.name == executor
    assert job.get_node_named("raw_orders").tags["dagster-celery/queue"] == "order-system"
    found = {each.name for each in defs.resolve_all_job_defs()}
    assert {name for name in found if name.startswith("canary")} == canaries
