"""The code location sales on the platform: a file becomes totals by itself, and a month becomes a page."""

import csv
import datetime as dt
import os
import time
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from support.browser import needs_browser, opened_page
from support.platform import Platform

HEADER = "sale_id,day,country,amount_eur\n"
Sales = dict[str, tuple[str, str, Decimal]]


def good_sales(folder: Path) -> Sales:
    """Return day, country and amount by sale_id, with nothing of the location's code: the last row counts."""
    found: Sales = {}
    for file in sorted(folder.glob("*.csv")):
        try:
            rows = list(csv.DictReader(file.read_text().splitlines()))
        except UnicodeDecodeError:
            continue
        for row in rows:
            try:
                found[row["sale_id"]] = (
                    row["day"],
                    row["country"].strip().upper(),
                    Decimal(row["amount_eur"]),
                )
            except (KeyError, InvalidOperation):
                continue
    return found


def expected_totals(folder: Path) -> dict[str, tuple[int, Decimal]]:
    totals: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for _, country, amount in good_sales(folder).values():
        count, total = totals[country]
        totals[country] = (count + 1, total + amount)
    return dict(totals)


def totals(platform: Platform) -> dict[str, tuple[int, Decimal]]:
    rows = platform.table("total_by_country.parquet").to_pylist()
    return {row["country"]: (row["sales"], row["total_eur"]) for row in rows}


@pytest.fixture
def folder(platform: Platform) -> Path:
    return platform.state.data / "sales"


def test_the_first_run_made_the_totals_and_named_what_is_bad(platform: Platform, folder: Path) -> None:
    assert totals(platform) == expected_totals(folder)
    found = platform.web.ask(
        """{ assetNodes(assetKeys: [{path: ["sales"]}]) { assetChecksOrError { ... on AssetChecks { checks { name
        executionForLatestMaterialization { evaluation { success metadataEntries {
        ... on TableMetadataEntry { table { records } } } } } } } } } }"""
    )
    checks = {check["name"]: check for check in found["assetNodes"][0]["assetChecksOrError"]["checks"]}
    unreadable = str(checks["every_file_is_read"]["executionForLatestMaterialization"]["evaluation"])
    for name in ("shop-empty.csv", "shop-latin1.csv", "shop-semicolons.csv"):
        assert name in unreadable
    rows = checks["every_row_is_read"]["executionForLatestMaterialization"]["evaluation"]
    assert not rows["success"]
    assert "amount_eur is" in str(rows)
    assert "n/a" in str(rows)


def test_they_were_compared_with_orders_when_both_were_new(platform: Platform) -> None:
    deadline = time.monotonic() + 120
    tag = ("dagster/sensor_name", "sales_vs_orders_sensor")
    while not (latest := platform.web.latest_run(*tag)):
        assert time.monotonic() < deadline, (platform.state.logs / "daemon.log").read_text()[-2000:]
        time.sleep(0.5)
    assert platform.wait_for_run(latest[0]) == "SUCCESS", platform.web.failure(latest[0])
    found = platform.table("sales_vs_orders.parquet").to_pylist()
    revenue = platform.table("daily_revenue.parquet").to_pylist()
    assert [row["country"] for row in found] == sorted(totals(platform))
    for row in found:
        days = [each for each in revenue if row["first_day"] <= each["day"] <= row["last_day"]]
        assert days
        assert row["orders_eur"] > 0
        assert row["sales_eur"] - row["orders_eur"] == row["difference_eur"]


def test_a_file_that_is_dropped_becomes_totals_by_itself(platform: Platform, folder: Path) -> None:
    aside = folder / "dropped.csv.part"
    aside.write_text(HEADER + "dropped-1,2026-02-03,NZ,12.34\ndropped-2,2026-02-04,NZ,0.66\n")
    # As one that was finished a while ago and is moved in: it needs not be left alone.
    os.utime(aside, (time.time() - 60,) * 2)
    aside.rename(folder / "dropped.csv")
    deadline = time.monotonic() + 120
    while totals(platform).get("NZ") != (2, Decimal(13)):
        assert time.monotonic() < deadline, (platform.state.logs / "daemon.log").read_text()[-2000:]
        time.sleep(0.5)
    assert totals(platform) == expected_totals(folder)
    run, status = platform.web.latest_run("dagster/sensor_name", "new_files_sensor") or ("", "")
    assert platform.wait_for_run(run) == "SUCCESS", status


@needs_browser
def test_the_report_of_a_month_is_a_page_and_its_picture_is_in_the_ui(
    platform: Platform, folder: Path
) -> None:
    month = f"{dt.datetime.now(dt.UTC).date().replace(day=1) - dt.timedelta(days=1):%Y-%m}"
    run = platform.web.launch("sales", "monthly_report_job", {"dagster/partition": month})
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)
    command = ["python", "-m", "slipway.resources.document_link", "monthly_report", month]
    link = platform.slipway("exec", "sales", "--", *command).stdout.strip()
    text = httpx.get(link).text
    stored = platform.state.s3 / "buckets" / "assets" / "monthly_report" / f"{month}.html"
    assert stored.read_text() == text
    amounts = [amount for day, _, amount in good_sales(folder).values() if day.startswith(month)]
    assert f"{len(amounts):,} sales, {sum(amounts):,.2f} EUR in total." in text
    with opened_page() as page:
        page.goto(f"{platform.web.url}/assets/monthly_report?view=overview")
        page.get_by_text("Show Markdown").first.click()
        picture = page.locator("img[src^='data:image/png']")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth") == 640
