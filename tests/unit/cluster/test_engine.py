import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.cluster.engine import find_engine
from slipway.cluster.errors import EngineError
from slipway.repository import find_root

ROOT = find_root(Path(__file__))


def client(
    folder: Path, *, version: str = "20.10.24", buildx: bool = False, info: str = "echo 20.10.24"
) -> Path:
    """Write a docker client that answers as told; returns its path."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(
        "#!/bin/sh\ncase $1 in\n"
        f"info) {info} ;;\nversion) echo {version} ;;\nbuildx) exit {0 if buildx else 1} ;;\nesac\n"
    )
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SLIPWAY_DOCKER", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/first:{tmp_path}/second:/nowhere")


def test_a_client_without_buildkit_is_passed_over(tmp_path: Path) -> None:
    client(tmp_path / "first", version="28.2.2")
    second = client(tmp_path / "second")
    assert find_engine().client == second


def test_the_first_that_can_do_all_is_taken(tmp_path: Path) -> None:
    first = client(tmp_path / "first", version="28.2.2", buildx=True)
    client(tmp_path / "second")
    engine = find_engine()
    assert engine.client == first
    assert engine.environment()["PATH"].startswith(f"{first.parent}:")


def test_the_chosen_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "first")
    chosen = client(tmp_path / "chosen")
    monkeypatch.setenv("SLIPWAY_DOCKER", str(chosen))
    assert find_engine().client == chosen


def test_an_engine_that_does_not_run_is_named_with_what_its_client_said(tmp_path: Path) -> None:
    client(tmp_path / "first", info="echo Is the docker daemon running? >&2; exit 1")
    with pytest.raises(EngineError, match=r"first/docker: Is the docker daemon running\?") as caught:
        find_engine()
    assert "make kind-up" in caught.value.hint


def test_without_any_client_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError, match="no `docker` on PATH"):
        find_engine()


def test_the_command_line_tells_a_missing_engine_from_other_faults(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("slipway"), "kind", "status"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no `docker` on PATH" in done.stderr
    assert done.returncode == EngineError.exit_code == 3  # tools/test-kind has the number too
