"""The orders assets under faults of their source, through the real daemon: what passes is tried again, bad data once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from slipway.local import pools
from slipway.repository import read_repository
from support.platform import ROOT, Platform

LAUNCH = """mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
EVENTS = """query ($run: ID!) { logsForRun(runId: $run, limit: 1000) { ... on EventConnection { events { __typename
  ... on ExecutionStepUpForRetryEvent { secondsToWait error { causes { message } } } } } } }"""
RAW = "raw_orders"


def launch(platform: Platform, asset: str) -> str:
    """Queue a run of one asset, without its checks."""
    selector = {
        "repositoryLocationName": "orders",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": [asset]}],
        "assetCheckSelection": [],
    }
    asked = platform.web.ask(LAUNCH, parameters={"selector": selector, "mode": "default"})["launchRun"]
    assert asked["__typename"] == "LaunchRunSuccess", asked
    return str(asked["run"]["runId"])


def events(platform: Platform, run: str, kind: str) -> list[dict[str, object]]:
    found = platform.web.ask(EVENTS, run=run)["logsForRun"]["events"]
    return [event for event in found if event["__typename"] == kind]


def ended_by_the_server(platform: Platform, run: str) -> None:
    """End the query of a run, once it has come to wait for the lock on its table."""
    deadline = time.monotonic() + 60
    with platform.connect("order_entry") as connection:
        while True:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND wait_event_type = 'Lock'",
                (f"slipway {run}",),
            ).fetchall()
            if ended:
                return
            assert time.monotonic() < deadline, platform.web.progress(run)
            time.sleep(0.1)


def test_the_pools_of_all_locations_are_applied_at_start(platform: Platform) -> None:
    declared = pools.declared(read_repository(ROOT).code_locations)
    assert {pool.name: pool.limit for pool in pools.states(platform.web)} == declared
    said = platform.slipway("pools")
    assert said.returncode == 0, said.stderr
    assert "source_db" in said.stdout


@contextmanager
def bad_row(platform: Platform) -> Iterator[None]:
    """An order that was placed at a time which no table of ours can hold."""
    with platform.connect("order_entry") as connection:
        row, placed = connection.execute("SELECT row_id, ordered_at FROM orders LIMIT 1").fetchone() or (0, 0)
        set_time = "UPDATE orders SET ordered_at = %s WHERE row_id = %s"
        connection.execute(set_time, ("infinity", row))
        try:
            yield
        finally:
            connection.execute(set_time, (placed, row))


def test_bad_data_is_tried_exactly_once(platform: Platform) -> None:
    with bad_row(platform):
        run = launch(platform, RAW)
        assert platform.wait_for_run(run) == "FAILURE"
    assert "infinity" in platform.web.failure(run)
    assert len(events(platform, run, "ExecutionStepStartEvent")) == 1
    assert not events(platform, run, "ExecutionStepUpForRetryEvent")
    assert platform.web.latest_run("dagster/parent_run_id", run) is None


def test_a_lost_connection_is_tried_again_after_growing_delays(platform: Platform) -> None:
    with platform.connect("order_entry") as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        run = launch(platform, RAW)
        for _ in range(2):
            ended_by_the_server(platform, run)
        holder.rollback()
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)
    first, second = events(platform, run, "ExecutionStepUpForRetryEvent")
    assert 1 <= first["secondsToWait"] <= 2 <= second["secondsToWait"] <= 4  # type: ignore[operator]
    assert "the connection broke" in first["error"]["causes"][-1]["message"]  # type: ignore[index]
