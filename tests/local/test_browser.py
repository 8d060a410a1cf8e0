"""The UI as a person sees it, in a real browser: Debian's Chromium, driven by Playwright."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.browser import needs_browser, opened_page
from support.platform import Platform

ASSETS = ["raw_orders", "cleaned_orders", "daily_revenue", "daily_orders", "daily_revenue_partitioned"]
ASSETS += ["bronze_orders", "silver_orders"]

pytestmark = needs_browser


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with opened_page() as opened:
        yield opened


def runs_of(platform: Platform, asset: str) -> set[str]:
    """Return the runs that were asked for this asset: sensors may start others at any time."""
    found = platform.web.ask("{ runsOrError { ... on Runs { results { runId assetSelection { path } } } } }")
    return {
        run["runId"]
        for run in found["runsOrError"]["results"]
        if {"path": [asset]} in (run["assetSelection"] or [])
    }


def test_the_graph_shows_every_asset(platform: Platform, page: Page, screenshots: Path) -> None:
    # Where there are many groups, they are closed at first.
    page.goto(f"{platform.web.url}/asset-groups?expanded=global@global:order_system")
    for name in ASSETS:
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text("Loading...")).to_have_count(0)
    page.wait_for_timeout(1000)
    picture = screenshots / "asset-graph.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000


def test_an_asset_is_materialized_by_clicking(platform: Platform, page: Page, screenshots: Path) -> None:
    known = runs_of(platform, "raw_orders")
    page.goto(f"{platform.web.url}/assets/raw_orders")
    page.get_by_text("Materialize", exact=True).first.click()
    expect(page.get_by_text(re.compile("Launched run", re.IGNORECASE)).first).to_be_visible()
    deadline = time.monotonic() + 30
    while not (fresh := runs_of(platform, "raw_orders") - known) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert len(fresh) == 1
    assert platform.wait_for_run(run := fresh.pop()) == "SUCCESS", platform.web.failure(run)
    page.goto(f"{platform.web.url}/assets/raw_orders")
    expect(page.get_by_text("Row count", exact=True).first).to_be_visible()
    page.wait_for_timeout(1000)
    page.screenshot(path=screenshots / "asset.png")


def test_checks_and_their_outcome_are_shown(platform: Platform, page: Page) -> None:
    page.goto(f"{platform.web.url}/assets/cleaned_orders?view=checks")
    expect(page.get_by_text("no_negative_amounts").first).to_be_visible()
