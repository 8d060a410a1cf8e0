"""The load test of the contracts: the code promises what the committed files say, or another version of it."""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from editorial.build import manifest
from editorial.defs.models import model_assets
from slipway.contracts import DeclarationError, baseline
from slipway.contracts.__main__ import load
from slipway.resources import PostgresResource

COMMITTED = Path(__file__).parents[1] / "contracts"
PUBLISHED = {
    "article_popularity_daily",
    "click_through_hourly",
    "publisher_overview",
    "section_interest",
    "top_articles",
}


@pytest.fixture
def defs(monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.setenv("SLIPWAY_ENV", "local")
    return load("editorial.definitions")


def test_the_code_keeps_the_committed_contracts(defs: dg.Definitions) -> None:
    assert set(baseline.declared(defs)) == PUBLISHED
    complaints = baseline.complaints(defs, COMMITTED)
    assert not complaints, "\n\n".join(complaints)


def test_a_breaking_change_of_models_yml_is_shown_with_a_diff(tmp_path: Path) -> None:
    def complaints(change: Callable[[dict], object]) -> list[str]:
        parsed = json.loads(manifest().read_text())
        change(parsed["nodes"]["model.editorial.publisher_overview"])
        # Another file each time: dagster-dbt reads a path once.
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        file.write_text(json.dumps(parsed))
        resources = {"warehouse": PostgresResource(url="postgresql://never@used/none")}
        models = dg.Definitions(model_assets(file), resources=resources)
        return baseline.complaints(models, COMMITTED)

    (nulls,) = complaints(lambda model: model["columns"]["users"]["constraints"].clear())
    assert "BREAKING: column users may now have nulls" in nulls
    assert "-        required: true" in nulls
    assert "This needs version 2.0.0 at least, and the contract says 1.0.0" in nulls
    (renamed,) = complaints(lambda model: model["columns"].pop("first_day"))
    assert "BREAKING: column first_day" in renamed
    (other_type,) = complaints(lambda model: model["columns"]["users"].update(data_type="integer"))
    assert "BREAKING: column users" in other_type
    with pytest.raises(
        DeclarationError, match="publisher_overview: it has an enforced contract without a ver"
    ):
        complaints(lambda model: model["config"].update(meta={}))
    with pytest.raises(DeclarationError, match="column users: a contract can't have the type 'money'"):
        complaints(lambda model: model["columns"]["users"].update(data_type="money"))
