"""The load test of the contracts: the code promises what the committed files say, or another version of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.contracts import baseline
from slipway.contracts.__main__ import load

PROJECT = Path(__file__).parents[1]
FOLDER = "contracts"


def test_the_code_keeps_the_committed_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_ENV", "local")
    loaded = load("orders.definitions")
    assert baseline.declared(loaded)
    complaints = baseline.complaints(loaded, PROJECT / FOLDER)
    assert not complaints, "\n\n".join(complaints)


def test_a_breaking_change_fails_the_load_test_with_a_diff(tmp_path: Path) -> None:
    """In a copy of this project, whose own load test is run."""
    for name in ("src", "tests", FOLDER):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    columns = tmp_path / "src" / "orders" / "defs" / "order_system" / "columns.py"
    declared = columns.read_text()
    loosened = declared.replace('came back.", nullable=False, minimum=0', 'came back.", minimum=0')
    assert loosened != declared
    columns.write_text(loosened)
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_contracts.py", "-k", "keeps_the_committed"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BREAKING: column returns may now have nulls" in done.stdout
    assert "-        required: true" in done.stdout
    assert "+        required: false" in done.stdout
    assert "This needs version 2.0.0 at least, and the contract says 1.0.0" in done.stdout
