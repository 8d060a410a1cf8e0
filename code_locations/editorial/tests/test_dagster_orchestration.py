"""The location, instantiated: its assets, what hangs on what, checks, jobs, schedule and sensor."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from editorial.definitions import build_defs
from editorial.defs.checks import BUDGET
from editorial.downloads import RawDownloads
from slipway.environment import Environment
from slipway.resources import PostgresResource

RESOURCES = {
    "warehouse": PostgresResource(url="postgresql://never@used/none"),
    "raw_downloads": RawDownloads(folder="/never/used"),
}
RAW = {"raw/ebnerd", "raw/ebnerd_articles", "raw/adressa", "raw/mind", "raw/mind_news"}
STAGING = {
    "stg_ebnerd_impressions",
    "stg_adressa_impressions",
    "stg_mind_impressions",
    "stg_unified_impressions",
    "stg_unified_articles",
}
MARTS = {"article_popularity_daily", "click_through_hourly"}
EDITORIAL = {"publisher_overview", "top_articles", "section_interest"}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(resources=RESOURCES)


def names(keys: set[dg.AssetKey]) -> set[str]:
    return {key.to_user_string() for key in keys}


def upstream(defs: dg.Definitions, asset: str) -> set[str]:
    selection = dg.AssetSelection.assets(asset).upstream()
    return names(selection.resolve(defs.resolve_asset_graph()))


def test_the_assets_by_group(defs: dg.Definitions) -> None:
    groups: dict[str, set[str]] = {}
    for spec in defs.resolve_all_asset_specs():
        groups.setdefault(spec.group_name or "", set()).add(spec.key.to_user_string())
    assert groups == {"raw": RAW, "staging": STAGING, "marts": MARTS, "editorial": EDITORIAL}


def test_every_asset_has_an_owner_and_a_description(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.owners == ["team:editorial"], spec.key
        assert spec.description, spec.key


@pytest.mark.parametrize(
    ("asset", "needs"),
    [
        ("stg_mind_impressions", {"raw/mind"}),
        ("stg_unified_articles", {"raw/ebnerd_articles", "raw/mind_news", "raw/adressa"}),
        ("stg_unified_impressions", {"raw/ebnerd", "raw/adressa", "raw/mind"}),
        ("click_through_hourly", {"raw/ebnerd", "raw/adressa", "raw/mind"}),
        ("publisher_overview", {"raw/ebnerd", "raw/adressa", "raw/mind"}),
        ("top_articles", RAW),
        ("section_interest", RAW),
    ],
)
def test_whatever_is_made_hangs_on_the_ingestion_it_needs(
    defs: dg.Definitions, asset: str, needs: set[str]
) -> None:
    assert upstream(defs, asset) & RAW == needs


@pytest.mark.parametrize("report", sorted(EDITORIAL))
def test_refreshing_a_report_pulls_in_its_ingestion_and_the_gates(defs: dg.Definitions, report: str) -> None:
    job = defs.resolve_job_def(f"refresh_{report}")
    layer = job.asset_layer
    assert names(set(layer.selected_asset_keys)) == upstream(defs, report)
    gates = {
        key.name
        for key in layer.asset_graph.asset_check_keys
        if key.asset_key.path == ["stg_unified_impressions"]
    }
    assert {"row_count", "freshness"} <= gates


def test_the_checks(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    checks: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert {"row_count", "freshness"} < checks["stg_unified_impressions"]
    for publisher in ("ebnerd", "adressa", "mind"):
        assert checks[f"raw/{publisher}"] == {"files_taken"}
    # dbt's tests.
    for model in STAGING | MARTS | EDITORIAL:
        assert any(name.startswith(("not_null", "unique")) for name in checks[model]), model
    blocking = {key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert {"row_count", "freshness"} <= blocking
    assert "files_taken" not in blocking


def test_the_daily_schedule_runs_everything(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def("editorial_daily")
    assert names(set(job.asset_layer.selected_asset_keys)) == RAW | STAGING | MARTS | EDITORIAL
    schedule = defs.get_repository_def().get_schedule_def("editorial_daily_schedule")
    assert schedule.job_name == "editorial_daily"
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 4 * * *", "UTC")


@pytest.mark.parametrize("environment", Environment)
def test_the_schedule_is_on_in_production_only(environment: Environment) -> None:
    defs = build_defs(resources=RESOURCES, environment=environment)
    schedule = defs.get_repository_def().get_schedule_def("editorial_daily_schedule")
    assert (schedule.default_status is dg.DefaultScheduleStatus.RUNNING) == (environment is Environment.PROD)


def test_the_sensor_is_on_and_starts_ingest_jobs_only(defs: dg.Definitions) -> None:
    sensor = defs.get_repository_def().get_sensor_def("raw_download_sensor")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert {job.name for job in sensor.jobs} == {"ingest_ebnerd", "ingest_adressa", "ingest_mind"}
    for publisher in ("ebnerd", "adressa", "mind"):
        selected = defs.resolve_job_def(f"ingest_{publisher}").asset_layer.selected_asset_keys
        assert names(set(selected)) == {name for name in RAW if name.startswith(f"raw/{publisher}")}


def test_the_budget_of_freshness_is_tightest_in_production() -> None:
    assert set(BUDGET) == set(Environment)
    assert min(BUDGET.values()) == BUDGET[Environment.PROD] < BUDGET[Environment.DEV]


def test_whatever_uses_the_warehouse_is_in_its_pool(defs: dg.Definitions) -> None:
    pools = {node.name: set(node.pools) for node in defs.resolve_job_def("editorial_daily").all_node_defs}
    steps = ["load_ebnerd", "load_adressa", "load_mind", "staging_models", "reporting_models"]
    assert {step: pools[step] for step in steps} == {step: {"editorial_warehouse"} for step in steps}


def test_loading_definitions_imports_no_dlt_and_writes_nothing(tmp_path: Path) -> None:
    code = "import sys, editorial.definitions as d; d.defs(); print(sorted({'dlt', 'pandas'} & set(sys.modules)))"
    environment = {"SLIPWAY_ENV": "local", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
    assert list(tmp_path.iterdir()) == []
