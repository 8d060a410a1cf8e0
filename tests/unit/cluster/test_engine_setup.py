import os
from pathlib import Path

import pytest
from rich.console import Console

from slipway.cluster import engine_setup, machine
from slipway.cluster.errors import EngineError
from slipway.progress import Steps

STEPS = Steps(Console(quiet=True))


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SLIPWAY_DOCKER", raising=False)


def test_nothing_is_installed_by_other_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineError, match="no container engine") as caught:
        engine_setup.ensure_engine(STEPS)
    assert "as root on Debian" in caught.value.hint


def test_nothing_is_installed_on_other_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "is_debian", lambda: False)
    with pytest.raises(EngineError, match="no container engine"):
        engine_setup.ensure_engine(STEPS)


def test_a_daemon_that_ends_is_reported_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    daemon = tmp_path / "dockerd"
    daemon.write_text("#!/bin/sh\necho failed to mount cgroups\nexit 1\n")
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nexit 1\n")
    for program in (daemon, client):
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    with pytest.raises(EngineError, match="failed to mount cgroups"):
        engine_setup.start(lambda _: None, f"--host=unix://{tmp_path}/socket")


def test_debian_is_told_from_its_derivatives(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian GNU/Linux"\nID=debian\n')
    assert machine.is_debian(release)
    release.write_text("ID=ubuntu\nID_LIKE=debian\n")
    assert not machine.is_debian(release)
