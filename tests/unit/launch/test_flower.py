"""Flower does not start where anybody could use it."""

import pytest

from slipway.launch.queued.app import BROKER_VARIABLE
from slipway.launch.queued.flower import LOGIN_VARIABLE, main


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({}, BROKER_VARIABLE),
        ({BROKER_VARIABLE: "redis://127.0.0.1:1/0"}, LOGIN_VARIABLE),
        ({BROKER_VARIABLE: "redis://127.0.0.1:1/0", LOGIN_VARIABLE: "operator:"}, LOGIN_VARIABLE),
    ],
)
def test_it_says_what_it_lacks(
    variables: dict[str, str],
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (BROKER_VARIABLE, LOGIN_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main([])
    assert f"{missing} is not set" in capsys.readouterr().err
