"""The checks of `orders` as the UI shows them, through the real daemon; and that an ERROR stops what is downstream."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.launching import launch
from support.platform import Platform

ASSETS = {
    "raw_orders",
    "cleaned_orders",
    "daily_revenue",
    "bronze_orders",
    "silver_orders",
    "daily_orders",
    "daily_revenue_partitioned",
}
CHECKS = """{ assetNodes { assetKey { path } repository { location { name } }
  freshnessStatusInfo { freshnessStatus }
  assetChecksOrError { ... on AssetChecks { checks { name blocking
    executionForLatestMaterialization { status evaluation { success severity description } } } } } } }"""
EVALUATIONS = """query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { hasMore events { __typename
  ... on MessageEvent { stepKey }
  ... on AssetCheckEvaluationEvent { evaluation { assetKey { path } checkName success severity description } } } } } }"""
# What a source that loses rows looks like: the one row is there for whoever counts, and not for whoever reads.
LOSSY = """
CREATE TABLE customers (customer_id bigint, country text);
CREATE TABLE order_lines (order_id bigint, quantity int, unit_price numeric);
CREATE TABLE fed (row_id bigint, order_id bigint, customer_id bigint, ordered_at timestamptz, received_at timestamptz,
    status text, currency text, amount text);
INSERT INTO fed SELECT n, n, 1, '2026-03-05 10:00Z', '2026-03-05 10:01Z', 'completed', 'EUR', '1' FROM generate_series(1, 3) n;
INSERT INTO order_lines SELECT n, 1, 1 FROM generate_series(1, 3) n;
CREATE VIEW orders AS SELECT * FROM fed WHERE row_id < 3
    OR EXISTS (SELECT FROM pg_cursors WHERE statement LIKE '%count(%) AS rows%');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO orders;
"""
DAY = "2026-03-05"


def checks(platform: Platform) -> dict[str, dict[str, Any]]:
    """Return the checks of the location `orders` by asset and name."""
    nodes = platform.web.ask(CHECKS)["assetNodes"]
    return {
        f"{'/'.join(node['assetKey']['path'])}:{check['name']}": check
        for node in nodes
        if node["assetKey"]["path"][-1] in ASSETS
        for check in node["assetChecksOrError"].get("checks", [])
    }


@pytest.fixture
def lossy(platform: Platform) -> Iterator[dict[str, Any]]:
    """Run config that leads the assets to a source that loses rows, and to a folder of their own."""
    with platform.connect("postgres") as connection:
        connection.execute("CREATE DATABASE lossy")
    with platform.connect("lossy") as database:
        database.execute(LOSSY)
    url = platform.settings("orders")["ORDERS_SOURCE_URL"].rsplit("/", 1)[0] + "/lossy"
    yield {
        "source": {"config": {"url": url}},
        "io_manager": {"config": {"base_url": "s3://assets/_test_checks"}},
    }
    with platform.connect("postgres") as connection:
        connection.execute("DROP DATABASE lossy WITH (FORCE)")
    # What the UI knows of the day is of the demo again.
    run = platform.web.launch("orders", "daily_pipeline", {"dagster/partition": DAY})
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)


def test_every_layer_is_checked_and_the_demo_passes(platform: Platform) -> None:
    found = checks(platform)
    assert {name.split(":")[0] for name in found} == ASSETS
    executions = {name: check["executionForLatestMaterialization"] for name, check in found.items()}
    assert all(executions.values()), executions
    failed = {name for name, execution in executions.items() if execution["status"] != "SUCCEEDED"}
    # The one is the demo's; the other is left by tests that fill old days anew.
    assert failed - {"silver_orders:nothing_before_window"} == {"cleaned_orders:no_negative_amounts"}
    blocking = {name for name, check in found.items() if check["blocking"]}
    assert {"raw_orders:matches_source", "bronze_orders:matches_source", "daily_revenue:adds_up"} <= blocking
    assert "bronze_orders:times_in_order" not in blocking


def test_freshness_is_judged_by_the_daemon(platform: Platform) -> None:
    deadline = time.monotonic() + 120
    while True:
        nodes = {node["assetKey"]["path"][-1]: node for node in platform.web.ask(CHECKS)["assetNodes"]}
        states = {name: (nodes[name]["freshnessStatusInfo"] or {}).get("freshnessStatus") for name in ASSETS}
        if set(states.values()) == {"HEALTHY"}:
            return
        assert time.monotonic() < deadline, states
        time.sleep(1)


def test_errors_stop_what_is_downstream_in_the_same_run(platform: Platform, lossy: dict[str, Any]) -> None:
    run = launch(platform, {"resources": lossy}, day=DAY)
    assert platform.wait_for_run(run) == "FAILURE"
    page = platform.web.ask(EVALUATIONS, run=run)["logsForRun"]
    assert not page["hasMore"]
    events = page["events"]
    started = {event["stepKey"] for event in events if event["__typename"] == "ExecutionStepStartEvent"}
    assert {"raw_orders", "bronze_orders", "daily_orders"} <= started
    assert not started & {"cleaned_orders", "daily_revenue", "silver_orders", "daily_revenue_partitioned"}
    evaluations = [event["evaluation"] for event in events if event.get("evaluation")]
    failed = {
        f"{each['assetKey']['path'][-1]}:{each['checkName']}": (each["severity"], each["description"])
        for each in evaluations
        if not each["success"]
    }
    assert {name for name, (severity, _) in failed.items() if severity == "ERROR"} == {
        "raw_orders:matches_source",
        "bronze_orders:matches_source",
        "daily_orders:matches_source",
    }
    said = failed["bronze_orders:matches_source"][1]
    assert said.startswith(f"bronze_orders and table orders differ in 1 of 1 parts: {DAY}.")
