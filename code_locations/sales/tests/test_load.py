"""The code location as others load it: the platform, dg, a code server."""

import tomllib
from pathlib import Path

import dagster as dg
import pytest

from sales import definitions
from sales.defs.comparison import daily_revenue
from slipway.environment import MissingSettingError

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def defs(monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.setenv("SLIPWAY_ENV", "local")
    # Neither its folder nor its bucket is needed to be served.
    for name in ("SALES_FOLDER", "SLIPWAY_STORAGE_URL", "SLIPWAY_LANDING_URL"):
        monkeypatch.delenv(name, raising=False)
    return definitions.defs()


def test_definitions_are_loadable(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_says_what_it_is(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        if spec.key == daily_revenue.key:
            continue
        assert spec.description
        assert list(spec.owners) == ["team:sales"]
        assert spec.kinds
        columns = (
            spec.metadata["dagster/column_schema"].columns if spec.key.path != ["monthly_report"] else []
        )
        assert all(column.description for column in columns)


def test_the_local_platform_finds_what_it_asks_for(defs: dg.Definitions) -> None:
    wishes = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["slipway"]["local"]
    assert wishes["folders"] == {"SALES_FOLDER": "sales"}
    assert wishes["demo"] == ["python", "-m", "sales.demo"]
    assert defs.resolve_job_def(wishes["first_job"])


def test_an_environment_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_ENV", raising=False)
    with pytest.raises(MissingSettingError, match="SLIPWAY_ENV is not set"):
        definitions.defs()
