"""alerts.toml: who is told through which channel, and what is refused."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slipway.alerts.causes import Cause
from slipway.alerts.settings import EmailChannel, FileChannel, SlackChannel, read_settings
from slipway.local.errors import LocalPlatformError
from support.platform import ROOT

FILE = """
default = ["file"]

[channels.file]
type = "file"
[channels.orders]
type = "slack"
url_variable = "ORDERS_WEBHOOK"
[channels.mail]
type = "email"
to = "somebody@example.com"
from = "slipway@example.com"
host = "smtp.example.com"

[routes]
"team:orders" = ["orders", "file"]
"somebody@example.com" = ["mail", "file"]
[locations]
sales = "team:orders"

[[silences]]
match = "sensor orders *"
until = 2999-01-01T00:00:00Z
[[silences]]
match = "run *"
until = 2020-01-01T00:00:00Z
"""


def cause(*owners: str, location: str = "orders", kind: str = "run", title: str = "Step a failed") -> Cause:
    return Cause("k", kind, title, "w", "e", location, list(owners), "/", 0, 0, 0)  # type: ignore[arg-type]


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "alerts.toml"
    file.write_text(text)
    return file


def test_routes_go_by_owner_then_by_location_then_to_the_default(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, FILE))
    assert settings.channels["orders"] == SlackChannel("orders", "ORDERS_WEBHOOK")
    assert settings.channels["mail"] == EmailChannel(
        "mail", ("somebody@example.com",), "slipway@example.com", "smtp.example.com", 587, "starttls"
    )
    assert settings.channels_for(cause("team:orders")) == ("orders", "file")
    assert settings.channels_for(cause("team:orders", "somebody@example.com")) == ("orders", "file", "mail")
    assert settings.channels_for(cause(location="sales")) == ("orders", "file")
    assert settings.channels_for(cause("team:unknown")) == ("file",)
    assert settings.channels_for(cause(location="")) == ("file",)


def test_silences_have_an_end(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, FILE))
    assert settings.is_silenced(cause(kind="sensor", title="Sensor s fails"), time.time())
    assert not settings.is_silenced(cause(), time.time())


@pytest.mark.parametrize("match", ["k", "daemon platform *"])
def test_a_silence_names_a_cause_by_its_key_or_the_platform_by_its_word(tmp_path: Path, match: str) -> None:
    """A time without a zone is UTC, whatever the machine's is."""
    text = f'[[silences]]\nmatch = "{match}"\nuntil = 2026-01-02T03:00:00\n'
    settings = read_settings(written(tmp_path, text))
    of_platform = cause(kind="daemon", location="", title="The daemon is dead")
    until = datetime(2026, 1, 2, 3, tzinfo=UTC).timestamp()
    assert settings.is_silenced(of_platform, until - 1)
    assert not settings.is_silenced(of_platform, until)
    (silence,) = settings.silences
    assert silence.until == datetime(2026, 1, 2, 3, tzinfo=UTC)


def test_without_a_file_everything_goes_to_a_file_in_the_state_folder(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "none.toml")
    assert settings.channels == {"file": FileChannel("file", "alerts.jsonl")}
    assert settings.default == ("file",)


def test_the_repositorys_own_file_is_valid_with_its_examples_too(tmp_path: Path) -> None:
    text = (ROOT / "alerts.toml").read_text()
    assert read_settings(written(tmp_path, text)).default == ("file",)
    examples = re.sub(r'^# (?=\[|\w+ = |")', "", text, flags=re.MULTILINE)
    settings = read_settings(written(tmp_path, examples))
    assert settings.channels_for(cause("team:orders")) == ("orders-slack", "file")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("default = [", "alerts.toml: "),
        ('default = ["chat"]', "there is no channel 'chat'"),
        ('[routes]\n"team:a" = ["chat"]', "there is no channel 'chat'"),
        ('[channels.a]\ntype = "pigeon"', "channel a has type 'pigeon'; there are file, slack and email"),
        (
            '[channels.a]\ntype = "slack"\nurl = "https://secret"',
            "channel a: got an unexpected keyword argument 'url'",
        ),
        (
            '[channels.a]\ntype = "email"\nto = "a@b"\nfrom = "a@b"\nhost = "h"\nsecurity = "no"',
            "security 'no'",
        ),
        ('[channels.a]\ntype = "email"\nto = "a@b"\nhost = "h"', "from is missing"),
        ("[[silences]]\nmatch = '*'\nuntil = 'tomorrow'", "needs a date and time"),
        ("pol_seconds = 1", "pol_seconds"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(LocalPlatformError) as caught:
        read_settings(written(tmp_path, text))
    assert complaint in str(caught.value)
    assert "https://secret" not in str(caught.value)
    assert "docs/alerts.md" in caught.value.hint
