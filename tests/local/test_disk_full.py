"""A full disk, on a small file system in memory: an early word where there is too little, recovery where it fills up."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from slipway.local.state import StateFolder
from support.checkout import PROBE, copy_checkout
from support.platform import Platform
from support.probe import EXPECTED, Probe

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
]


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def test_too_little_room_is_said_before_anything_starts() -> None:
    with small_disk(200) as disk:
        platform = Platform(StateFolder(disk / "state"))
        done = platform.slipway("up")
        assert done.returncode == 1
        assert "are free where" in done.stderr
        assert "SLIPWAY_STATE=" in done.stderr
        assert not (disk / "state" / "postgres").exists()


def test_a_disk_that_fills_up_during_a_run() -> None:
    checkout = Path(tempfile.mkdtemp(prefix="slipway-"))
    with small_disk(900) as disk:
        root = copy_checkout(checkout / "checkout", locations={"probe": PROBE})
        platform = Platform(StateFolder(disk / "state"), root)
        try:
            platform.up()
            probe = Probe(platform)
            run = probe.launch_and_reach()
            ballast = disk / "ballast"
            fill(ballast)
            probe.go_on()
            time.sleep(5)
            ballast.unlink()
            platform.up()
            status = platform.wait_for_run(run, timeout=150)
            if status != "SUCCESS":
                assert "No space left on device" in platform.web.failure(run) or status == "FAILURE"
                run = platform.web.launch("probe", "everything", {})
                assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)
            assert probe.total() == EXPECTED
            assert platform.slipway("status").returncode == 0
        finally:
            platform.slipway("clean", "--yes")
            shutil.rmtree(checkout)


def fill(file: Path) -> None:
    """Write until there is no room for another byte."""
    with file.open("wb", buffering=0) as handle:
        for size in (1024**2, 4096, 1):
            with suppress(OSError):
                while handle.write(b"\0" * size):
                    pass
