import subprocess
import sys

import dagster as dg
import pytest

from slipway.environment import Environment
from slipway.resources import LandingBucket, PostgresResource, platform_resources, select_resources
from slipway.resources.selection import UndeclaredEnvironmentError


def test_the_set_of_the_environment_is_built_and_no_other():
    sets = {Environment.LOCAL: lambda: {"source": 1}, Environment.PROD: lambda: pytest.fail("built")}
    assert select_resources(sets, Environment.LOCAL) == {"source": 1}


def test_an_environment_without_a_set_fails_with_those_declared():
    sets = {Environment.PROD: dict, Environment.DEV: dict}
    with pytest.raises(UndeclaredEnvironmentError, match=r"environment kind; declared are dev, prod"):
        select_resources(sets, Environment.KIND)
    with pytest.raises(UndeclaredEnvironmentError, match="declared are none"):
        select_resources({}, Environment.KIND)


@pytest.mark.parametrize("environment", list(Environment))
def test_every_environment_has_the_platforms_resources(environment, monkeypatch):
    monkeypatch.delenv("SLIPWAY_STORAGE_URL", raising=False)
    found = platform_resources(environment)
    assert set(found) == {"io_manager", "documents", "landing"}
    assert isinstance(found["landing"], LandingBucket)


def test_production_waits_longer_than_a_laptop():
    local, prod = (platform_resources(Environment(name)) for name in ("local", "prod"))
    for name in ("io_manager", "documents", "landing"):
        assert local[name].retry_seconds < prod[name].retry_seconds


def test_urls_are_read_when_a_run_needs_them(postgres, tmp_path, monkeypatch):
    seen = {}

    @dg.asset
    def names(source: PostgresResource, landing: LandingBucket) -> None:
        seen["rows"] = source.read_table("SELECT current_setting('application_name') AS name").to_pylist()
        seen["landing"] = landing.url

    resources = {
        **platform_resources(Environment.LOCAL),
        "source": PostgresResource(url=dg.EnvVar("ORDERS_SOURCE_URL")),
    }
    monkeypatch.setenv("ORDERS_SOURCE_URL", postgres.url())
    monkeypatch.setenv("SLIPWAY_LANDING_URL", f"file://{tmp_path}")
    monkeypatch.setenv("SLIPWAY_STORAGE_URL", f"file://{tmp_path}")
    result = dg.materialize([names], resources=resources)
    assert seen == {"rows": [{"name": f"slipway {result.run_id}"}], "landing": f"file://{tmp_path}"}


def test_a_variable_that_is_missing_is_named(monkeypatch):
    monkeypatch.delenv("ORDERS_SOURCE_URL", raising=False)

    @dg.asset
    def names(source: PostgresResource) -> None:
        source.read_table("SELECT 1 AS x")

    with pytest.raises(dg.DagsterInvalidConfigError, match='environment variable "ORDERS_SOURCE_URL"'):
        dg.materialize([names], resources={"source": PostgresResource(url=dg.EnvVar("ORDERS_SOURCE_URL"))})


def test_importing_resources_loads_no_driver():
    heavy = ["adbc_driver_manager", "obstore", "pandas", "psycopg", "pyarrow", "sqlalchemy", "tenacity"]
    code = f"import sys, slipway.resources; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
