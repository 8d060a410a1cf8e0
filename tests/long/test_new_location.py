"""`slipway new` on a running platform, and what starts the comparison of two code locations.

A small code location `shop` makes `daily_revenue` in place of `orders`, which takes longer.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import UV, Platform

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SHOP = """
import datetime as dt
from decimal import Decimal

import dagster as dg
import pyarrow as pa
from slipway.environment import current_environment
from slipway.resources import platform_resources


@dg.asset
def daily_revenue() -> pa.Table:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=number) for number in range(365)]
    return pa.table({"day": days, "revenue_eur": pa.array([Decimal("1.50")] * 365, pa.decimal128(18, 2))})


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(
        assets=[daily_revenue],
        jobs=[dg.define_asset_job("shop_job", "*")],
        resources=platform_resources(current_environment()),
        executor=dg.in_process_executor,
    )
"""
AUTOMATION = "sales_vs_orders_sensor"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", locations={"shop": SHOP}, kept=("sales",))
    made = Platform(StateFolder(folder / "state"), root)
    try:
        made.up("--no-materialize")
        # Files are here already; what is made is up to the tests.
        stop_sensor(made, "new_files_sensor")
        yield made
    finally:
        made.slipway("clean", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


def stop_sensor(platform: Platform, sensor: str) -> None:
    # Between two ticks: one that is under way would write down that the sensor is on.
    deadline = time.monotonic() + 120
    while not ticks(platform, sensor):
        assert time.monotonic() < deadline, (platform.state.logs / "daemon.log").read_text()[-3000:]
        time.sleep(0.5)
    found = platform.web.ask(
        """query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor {
        sensorState { id } } } }""",
        sensor=selector(sensor),
    )
    stopped = platform.web.ask(
        "mutation ($id: String!) { stopSensor(id: $id) { __typename } }",
        id=found["sensorOrError"]["sensorState"]["id"],
    )
    assert stopped["stopSensor"]["__typename"] == "StopSensorMutationResult"


def selector(sensor: str) -> dict[str, str]:
    return {"repositoryLocationName": "sales", "repositoryName": "__repository__", "sensorName": sensor}


def make(platform: Platform, location: str, job: str) -> None:
    run = platform.web.launch(location, job, {})
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)


def ticks(platform: Platform, sensor: str) -> list[dict]:
    """Return the sensor's ticks that have ended, newest first."""
    found = platform.web.ask(
        """query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor {
        sensorState { ticks(limit: 1000) { tickId status timestamp runIds } } } } }""",
        sensor=selector(sensor),
    )
    return [tick for tick in found["sensorOrError"]["sensorState"]["ticks"] if tick["status"] != "STARTED"]


def requested(platform: Platform) -> list[str]:
    """Wait until the automation sensor has looked at what there is now; return all runs that it asked for."""
    began = time.time()
    deadline = time.monotonic() + 120
    while True:
        found = ticks(platform, AUTOMATION)
        if any(tick["timestamp"] > began for tick in found):
            return [run for tick in found for run in tick["runIds"]]
        assert time.monotonic() < deadline, (platform.state.logs / "daemon.log").read_text()[-3000:]
        time.sleep(0.5)


def test_the_comparison_runs_once_when_both_are_new_and_not_for_one(platform: Platform) -> None:
    make(platform, "shop", "shop_job")
    make(platform, "sales", "sales_job")
    (latest, *_) = before = requested(platform)
    assert platform.wait_for_run(latest) == "SUCCESS", platform.web.failure(latest)
    make(platform, "sales", "sales_job")
    assert requested(platform) == before
    make(platform, "shop", "shop_job")
    after = requested(platform)
    assert after[1:] == before
    assert platform.wait_for_run(after[0]) == "SUCCESS", platform.web.failure(after[0])
    make(platform, "shop", "shop_job")
    assert requested(platform) == after
    rows = platform.table("sales_vs_orders.parquet", "sales").to_pylist()
    for row in rows:
        assert row["orders_eur"] * 2 == 3 * ((row["last_day"] - row["first_day"]).days + 1)


def test_the_graph_leads_from_one_location_into_the_other(platform: Platform) -> None:
    nodes = platform.web.ask(
        "{ assetNodes { assetKey { path } repository { location { name } } dependencyKeys { path } } }"
    )["assetNodes"]
    graph = {
        node["assetKey"]["path"][0]: (
            node["repository"]["location"]["name"],
            {key["path"][0] for key in node["dependencyKeys"]},
        )
        for node in nodes
    }
    assert graph["daily_revenue"][0] == "shop"
    assert graph["sales_vs_orders"] == ("sales", {"daily_revenue", "total_by_country"})


def test_a_new_location_is_served_and_runs_while_the_others_run_on(platform: Platform) -> None:
    before = {process.name: process.pid for process in platform.supervisor.processes()}
    said = platform.slipway("new", "stock_counts")
    assert said.returncode == 0, said.stderr
    assert "make up" in said.stdout
    up = platform.up()
    assert "Code locations: sales, shop, stock_counts" in up
    after = {process.name: process.pid for process in platform.supervisor.processes()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"daemon", "stock-counts"}
    run, status = platform.web.latest_run("slipway/first_run", "stock_counts") or ("", "")
    assert status == "SUCCESS", platform.web.failure(run)
    assert len(platform.table("stock_counts_by_country.parquet", "sales")) == 6
    assert platform.slipway("status").returncode == 0
    assert "Materializing stock_counts: done before" in platform.up()
    unchanged = {process.name: process.pid for process in platform.supervisor.processes()}
    assert unchanged == after


def test_its_own_tests_and_dg_are_content(platform: Platform) -> None:
    folder = platform.root / "code_locations" / "stock_counts"
    if not folder.exists():
        assert platform.slipway("new", "stock_counts").returncode == 0
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=400
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run(str(UV), "sync", "--frozen", "--quiet")
    assert re.search(r"\d+ passed", run(str(UV), "run", "--no-sync", "pytest", "-q"))
    assert "All definitions loaded" in run(str(UV), "run", "--no-sync", "dg", "check", "defs")
    assert "All definitions loaded" in run(str(Path(sys.executable).with_name("dg")), "check", "defs")


def test_a_location_in_the_middle_would_move_a_port_and_is_refused(platform: Platform) -> None:
    listing = platform.root / "dg.toml"
    text = listing.read_text()
    head, *entries = text.split("[[workspace.projects]]")
    folder = platform.root / "code_locations" / "returns"
    try:
        assert platform.slipway("new", "returns").returncode == 0
        new = listing.read_text().split("[[workspace.projects]]")[-1]
        listing.write_text("[[workspace.projects]]".join([head, new, *entries]))
        done = platform.slipway("up")
        assert done.returncode == 1
        assert "whose port would move" in done.stderr
        assert "make down" in done.stderr
    finally:
        listing.write_text(text)
        shutil.rmtree(folder, ignore_errors=True)
    assert platform.slipway("up", "--no-materialize").returncode == 0
