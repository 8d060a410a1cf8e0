import pytest

from slipway.environment import (
    Environment,
    MissingSettingError,
    UnknownEnvironmentError,
    current_environment,
    required_setting,
)


@pytest.mark.parametrize("name", ["local", "kind", "dev", "prod"])
def test_each_name_is_an_environment(monkeypatch, name):
    monkeypatch.setenv("SLIPWAY_ENV", name)
    assert current_environment() is Environment(name)


@pytest.mark.parametrize("name", ["production", "Local", " local", "prod,dev"])
def test_an_unknown_name_fails_with_the_list(monkeypatch, name):
    monkeypatch.setenv("SLIPWAY_ENV", name)
    with pytest.raises(UnknownEnvironmentError, match="use one of local, kind, dev, prod") as caught:
        current_environment()
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_name_fails_with_the_list_and_the_way_out(monkeypatch, value):
    monkeypatch.delenv("SLIPWAY_ENV", raising=False)
    if value is not None:
        monkeypatch.setenv("SLIPWAY_ENV", value)
    with pytest.raises(MissingSettingError, match=r"SLIPWAY_ENV is not set.*local, kind, dev, prod.*make up"):
        current_environment()


def test_a_setting_is_read_at_the_call_and_not_kept(monkeypatch):
    monkeypatch.setenv("SOME_URL", "first")
    assert required_setting("SOME_URL", "an address") == "first"
    monkeypatch.setenv("SOME_URL", "second")
    assert required_setting("SOME_URL", "an address") == "second"


def test_a_missing_setting_says_what_it_is_for(monkeypatch):
    monkeypatch.delenv("SOME_URL", raising=False)
    with pytest.raises(MissingSettingError, match="SOME_URL is not set: the order system's database"):
        required_setting("SOME_URL", "the order system's database")
