"""Days of downtime, on a platform whose processes stand in another time zone: what the schedule makes up for, and what not.

The real seven assets of `orders`, the real schedule, the real daemon; only the schedule's memory of when it
last looked is set back.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from slipway.local.state import StateFolder
from support import automation
from support.browser import CHROMIUM, FLAGS
from support.checkout import copy_checkout
from support.platform import Platform

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
ZONE = "Pacific/Auckland"
DAYS_DOWN = 8
SCHEDULE = "daily_pipeline_schedule"
BY_DAY = ["bronze_orders", "daily_orders", "daily_revenue_partitioned"]
ASSETS = [*BY_DAY, "raw_orders", "cleaned_orders", "daily_revenue", "silver_orders"]


@pytest.fixture(scope="module")
def orders() -> Iterator[Platform]:
    """A platform with the code location `orders` alone, nothing materialized yet."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", kept=("orders",))
    platform = Platform(StateFolder(folder / "state"), root)
    try:
        platform.up("--no-materialize", "--demo-args", "orders: --orders 4000", TZ=ZONE)
        yield platform
    finally:
        platform.slipway("clean", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


def made(platform: Platform, asset: str) -> list[str]:
    folder = platform.state.s3 / "buckets" / "assets" / asset
    return sorted(file.stem for file in folder.glob("*.parquet"))


def test_all_days_of_the_seven_assets(orders: Platform) -> None:
    keys = orders.web.partition_keys("orders", "daily_pipeline")[:-DAYS_DOWN]
    done = orders.slipway("backfill", *ASSETS, "--to", keys[-1], timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    total = f"{len(BY_DAY) * len(keys) + 4:,}"
    assert f"{total} of {total} partitions" in done.stdout
    print(done.stdout.splitlines()[-1])  # noqa: T201 - pytest -rP shows it
    for asset in BY_DAY:
        assert made(orders, asset) == keys
    # The source's session is in another zone than the partitions, as is every process here.
    with orders.connect("order_entry") as connection:
        for day in (keys[0], keys[len(keys) // 2], keys[-1]):
            counted = connection.execute(
                "SELECT count(*) FROM orders WHERE (received_at AT TIME ZONE 'UTC')::date = %s", (day,)
            ).fetchone()
            assert (orders.table(f"bronze_orders/{day}.parquet").num_rows,) == counted


@pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH (Debian: apt install chromium)")
def test_a_range_is_backfilled_from_the_ui_in_another_time_zone(orders: Platform) -> None:
    keys = orders.web.partition_keys("orders", "daily_pipeline")
    chosen = keys[-20:-17]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 900}, timezone_id=ZONE)
        page.set_default_timeout(120_000)
        commands = newest(orders)
        page.goto(f"{orders.web.url}/runs/b/{commands['id']}")
        expect(page.get_by_text("bronze_orders").first).to_be_visible(timeout=120_000)
        page.goto(f"{orders.web.url}/assets/daily_orders")
        page.get_by_role("button", name=re.compile("Materialize")).first.click()
        box = page.locator("[role=dialog] input[placeholder]").first
        box.fill(f"[{chosen[0]}...{chosen[-1]}]")
        box.press("Enter")
        page.locator("[role=dialog]").get_by_role("button", name="Launch backfill").click()
        expect(page.get_by_text("Created backfill").first).to_be_visible(timeout=120_000)
        browser.close()
    from_ui = newest(orders)
    assert from_ui["id"] != commands["id"]
    assert from_ui["partitionNames"] == chosen
    followed = orders.slipway("backfill", "--follow", from_ui["id"], timeout=600)
    assert followed.returncode == 0, followed.stdout + followed.stderr
    assert "3 of 3 partitions" in followed.stdout


def test_the_schedule_makes_up_for_its_last_tick_and_catch_up_for_the_rest(orders: Platform) -> None:
    keys = orders.web.partition_keys("orders", "daily_pipeline")
    automation.start_schedule(orders, "orders", SCHEDULE)
    orders.supervisor.stop("daemon")
    automation.set_back(orders, SCHEDULE, timedelta(days=DAYS_DOWN))
    orders.supervisor.start("daemon")
    (run, day) = wait_for_scheduled_run(orders)
    assert orders.wait_for_run(run, timeout=300) == "SUCCESS", orders.web.failure(run)
    last_tick = datetime.now(UTC) - timedelta(hours=6)
    assert day == str(last_tick.date() - timedelta(days=1))
    automation.stop_schedule(orders, "orders", SCHEDULE)
    assert len(scheduled_runs(orders)) == 1
    assert "has no partition set, so not trying to catch up" in orders.supervisor.log_tail("daemon", 2000)

    missed = [key for key in keys[-DAYS_DOWN:] if key != day]
    assert all(made(orders, asset) == sorted({*keys[:-DAYS_DOWN], day}) for asset in BY_DAY)
    listed = orders.slipway("catch-up", "--dry-run")
    assert listed.returncode == 0, listed.stderr
    for asset in BY_DAY:
        (row,) = [line.split() for line in listed.stdout.splitlines() if line.split()[:1] == [asset]]
        assert row[1] == str(len(missed))
        assert row[2] == missed[0]
    assert "raw_orders" not in listed.stdout

    # By this checkout's Makefile: the copy has no environment of its own.
    in_make = Platform(orders.state)
    caught = in_make.make("catch-up", timeout=900)
    assert caught.returncode == 0, caught.stdout + caught.stderr
    assert all(made(orders, asset) == keys for asset in BY_DAY)
    again = in_make.make("catch-up")
    assert (again.returncode, again.stdout.strip()) == (0, "Nothing was missed.")


def newest(platform: Platform) -> dict[str, Any]:
    (found,) = platform.web.ask(_NEWEST)["partitionBackfillsOrError"]["results"]
    return found


def scheduled_runs(platform: Platform) -> list[tuple[str, str]]:
    runs = platform.web.ask(_RUNS, tags=[{"key": "dagster/schedule_name", "value": SCHEDULE}])
    return [
        (run["runId"], next(tag["value"] for tag in run["tags"] if tag["key"] == "dagster/partition"))
        for run in runs["runsOrError"]["results"]
    ]


def wait_for_scheduled_run(platform: Platform) -> tuple[str, str]:
    deadline = time.monotonic() + 180
    while not (found := scheduled_runs(platform)):
        assert time.monotonic() < deadline, platform.supervisor.log_tail("daemon")
        time.sleep(0.5)
    return found[0]


_NEWEST = """{ partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills { results {
  id partitionNames } } } }"""
_RUNS = """query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) {
  ... on Runs { results { runId tags { key value } } } } }"""
