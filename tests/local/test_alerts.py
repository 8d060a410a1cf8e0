"""The commands about alerts on a running platform; what is told of which fault is shown in tests/long."""

import json
from pathlib import Path

from support.platform import Platform


def test_a_test_message_goes_through_every_channel(platform: Platform, tmp_path: Path) -> None:
    done = platform.slipway("alerts", "test")
    assert done.returncode == 0, done.stderr
    assert "file: took the message" in done.stdout
    lines = (platform.state.alerts / "alerts.jsonl").read_text().splitlines()
    assert "Test: channel file works" in [json.loads(line)["subject"] for line in lines]
    settings = tmp_path / "alerts.toml"
    settings.write_text('[channels.chat]\ntype = "slack"\nurl_variable = "NO_SUCH_WEBHOOK"\n')
    done = platform.slipway("alerts", "test", "--settings", str(settings))
    assert done.returncode == 1
    assert "chat: the environment variable NO_SUCH_WEBHOOK is not set" in done.stdout


def test_what_is_open_is_shown(platform: Platform) -> None:
    assert "alerts: " in platform.slipway("status").stdout
    done = platform.slipway("alerts", "list")
    assert done.returncode == 0, done.stderr
    assert "Nothing is open." in done.stdout or "since" in done.stdout
