"""The UI as a person sees it, in a real browser: Debian's Chromium, driven by Playwright."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.browser import needs_browser, opened_page
from support.platform import Platform

# Names that are short enough to be drawn in full.
ASSETS = ["raw_orders", "cleaned_orders", "daily_revenue", "daily_orders", "bronze_orders", "silver_orders"]

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


def test_the_graph_leads_through_all_code_locations(
    platform: Platform, page: Page, screenshots: Path
) -> None:
    nodes = platform.web.ask("{ assetNodes { groupName } }")["assetNodes"]
    # Where there are many groups, they are closed at first.
    groups = ",".join(f"global@global:{name}" for name in sorted({node["groupName"] for node in nodes}))
    browser = page.context.browser
    assert browser
    large = browser.new_page(viewport={"width": 1600, "height": 1500}, device_scale_factor=1.5)
    large.set_default_timeout(60_000)
    large.goto(f"{platform.web.url}/asset-groups?expanded={groups}")
    expect(large.get_by_text("files", exact=True).first).to_be_visible()
    # What lies outside of the picture is not drawn: out, until all of it is in.
    out = large.locator("[class*=SVGViewport_iconButton]").nth(1)
    for _ in range(4):
        out.click()
    for name in [*ASSETS, "landed_orders", "sales_vs_orders", "monthly_report", "top_articles"]:
        expect(large.get_by_text(name, exact=True).first).to_be_visible()
    large.wait_for_timeout(2000)
    picture = screenshots / "asset-graph.png"
    large.screenshot(path=picture, clip={"x": 790, "y": 222, "width": 560, "height": 1115})
    large.close()
    assert picture.stat().st_size > 20_000


def test_an_asset_is_materialized_by_clicking(platform: Platform, page: Page, screenshots: Path) -> None:
    known = runs_of(platform, "raw_orders")
    page.goto(f"{platform.web.url}/assets/raw_orders")
    page.get_by_text("Materialize", exact=True).first.click()
    expect(page.get_by_text(re.compile("Launched run", re.IGNORECASE)).first).to_be_visible()
    deadline = time.monotonic() + 60
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
