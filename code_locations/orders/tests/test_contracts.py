"""The load test of the contracts: the code promises what the committed files say, or says that it does not."""

from pathlib import Path

import pytest

from slipway.contracts import baseline
from slipway.contracts.__main__ import load

PROJECT = Path(__file__).parents[1]
COMMITTED = PROJECT / "contracts"


def test_the_code_keeps_the_committed_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_ENV", "local")
    loaded = load("orders.definitions")
    assert baseline.declared(loaded)
    complaints = baseline.complaints(loaded, COMMITTED)
    assert not complaints, "\n\n".join(complaints)
