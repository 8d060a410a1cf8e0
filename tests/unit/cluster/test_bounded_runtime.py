import json
import os
import subprocess
from pathlib import Path

import pytest

from slipway.cluster import bounded_runtime, engine_setup

ALL = (1 << 41) - 1
WITHOUT_SYS_RESOURCE = 0x000001FFFEFFFFFF


def test_a_cleared_bit_is_a_missing_capability() -> None:
    held, missing = bounded_runtime.split(WITHOUT_SYS_RESOURCE)
    assert missing == {"CAP_SYS_RESOURCE"}
    assert len(held) == 40
    assert bounded_runtime.split(ALL)[1] == set()


def test_what_an_older_kernel_does_not_know_is_not_missing() -> None:
    assert bounded_runtime.split((1 << 38) - 1)[1] == set()


def test_the_bundle_and_the_process_file_lose_what_the_machine_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"bounding": ["CAP_SYS_RESOURCE", "CAP_CHOWN"], "effective": ["CAP_CHOWN"]}
    (tmp_path / "config.json").write_text(json.dumps({"process": {"capabilities": wanted}, "root": {}}))
    (tmp_path / "process.json").write_text(json.dumps({"capabilities": wanted, "args": ["id"]}))
    monkeypatch.setattr(bounded_runtime, "bounding_set", lambda: WITHOUT_SYS_RESOURCE)
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: started.append(arguments[1:]))
    arguments = ["exec", "--process", f"{tmp_path}/process.json", "--bundle", str(tmp_path), "name"]
    bounded_runtime.main(arguments)
    left = {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]}
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "process": {"capabilities": left},
        "root": {},
    }
    assert json.loads((tmp_path / "process.json").read_text()) == {"capabilities": left, "args": ["id"]}
    assert started == [arguments]


def test_the_written_program_becomes_runc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\necho runc "$@"\n')
    runc.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = engine_setup.runtime_wrapper(tmp_path / "engine")
    done = subprocess.run([program, "state", "one"], capture_output=True, text=True, check=True, env={})
    assert done.stdout == "runc state one\n"
