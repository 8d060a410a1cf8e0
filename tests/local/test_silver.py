"""silver_orders through the real daemon: a day's run merges, a full refresh gives the same bytes."""

import datetime as dt
import json
from typing import Any

from support.launching import launch
from support.platform import Platform

SAID = """query ($run: ID!) { logsForRun(runId: $run, limit: 1000) { ... on EventConnection { events { __typename
  ... on MaterializationEvent { assetKey { path } metadataEntries { label
    ... on TextMetadataEntry { text } ... on IntMetadataEntry { intValue } ... on JsonMetadataEntry { jsonString } } } } } } }"""


def said(platform: Platform, run: str) -> dict[str, Any]:
    """Run to its end, and return the metadata of its materialization of silver_orders."""
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)
    events = platform.web.ask(SAID, run=run)["logsForRun"]["events"]
    (found,) = (
        event["metadataEntries"]
        for event in events
        if event["__typename"] == "MaterializationEvent" and event["assetKey"]["path"] == ["silver_orders"]
    )
    return {
        entry["label"]: entry.get("text") or entry.get("intValue") or entry.get("jsonString")
        for entry in found
    }


def test_a_days_run_reads_the_window_and_a_rebuild_gives_the_same_bytes(
    platform: Platform, last_day: dt.date
) -> None:
    file = platform.state.s3 / "buckets" / "assets" / "silver_orders.parquet"
    before = file.read_bytes()
    merged = said(platform, launch(platform, {}, day=last_day.isoformat()))
    # The window; and days that another test has materialized without silver.
    assert (merged["mode"], merged["days_read"]) == (
        "merged",
        4 + len(json.loads(merged["days_before_window"])),
    )
    assert merged["watermark"].startswith(last_day.isoformat())
    assert file.read_bytes() == before
    refresh = {"ops": {"silver_orders": {"config": {"full_refresh": True}}}}
    rebuilt = said(platform, launch(platform, refresh, asset="silver_orders"))
    assert rebuilt["mode"] == "rebuilt"
    assert rebuilt["days_read"] > 300
    assert rebuilt["fingerprint"] == merged["fingerprint"]
    assert file.read_bytes() == before
