"""The load test of the contracts: the code promises what the committed files say, or another version of it."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from slipway.contracts import baseline
from slipway.contracts.__main__ import load

COMMITTED = Path(__file__).parents[1] / "contracts"
ASSET = "total_by_country"


@pytest.fixture
def defs(monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.setenv("SLIPWAY_ENV", "local")
    return load("sales.definitions")


def test_the_code_keeps_the_committed_contracts(defs: dg.Definitions) -> None:
    assert ASSET in baseline.declared(defs)
    complaints = baseline.complaints(defs, COMMITTED)
    assert not complaints, "\n\n".join(complaints)


def test_a_breaking_change_is_shown_with_a_diff(defs: dg.Definitions, tmp_path: Path) -> None:
    """Had more been committed than the code promises, readers would lose it."""
    shutil.copytree(COMMITTED, tmp_path, dirs_exist_ok=True)
    file = baseline.file_of(tmp_path, ASSET)
    file.write_text(file.read_text().replace("minimum: 1", "minimum: 2"))
    (complaint,) = baseline.complaints(defs, tmp_path)
    assert "BREAKING: column" in complaint
    assert "-          minimum: 2" in complaint
    assert "+          minimum: 1" in complaint
    assert "This needs version 2.0.0 at least, and the contract says 1.0.0" in complaint
