"""An asset that is not made in time is late, says the real daemon, and fresh again once it has been made."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

# A minute is the smallest window that Dagster takes.
PUNCTUAL = """
from datetime import timedelta

import dagster as dg
from slipway.environment import current_environment
from slipway.resources import platform_resources


@dg.asset(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=60)))
def punctual() -> int:
    return 1


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(
        assets=[punctual],
        jobs=[dg.define_asset_job("everything", "*")],
        resources=platform_resources(current_environment()),
        executor=dg.in_process_executor,
    )
"""
STATE = "{ assetNodes { assetKey { path } freshnessStatusInfo { freshnessStatus } } }"


@pytest.fixture
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", locations={"punctual": PUNCTUAL})
    running = Platform(StateFolder(folder / "state"), root)
    try:
        running.up()
        yield running
    finally:
        running.slipway("clean", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


def materialize(platform: Platform) -> None:
    run = platform.web.launch("punctual", "everything", {})
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)


def wait_for(platform: Platform, state: str) -> None:
    deadline = time.monotonic() + 180
    while True:
        (node,) = platform.web.ask(STATE)["assetNodes"]
        found = node["freshnessStatusInfo"]["freshnessStatus"]
        if found == state:
            return
        assert time.monotonic() < deadline, found
        time.sleep(1)


def test_late_and_fresh_again(platform: Platform) -> None:
    wait_for(platform, "UNKNOWN")
    materialize(platform)
    wait_for(platform, "HEALTHY")
    wait_for(platform, "DEGRADED")
    materialize(platform)
    wait_for(platform, "HEALTHY")
