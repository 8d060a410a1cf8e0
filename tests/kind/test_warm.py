"""Runs in a standing worker of the deployed platform: without a pod, and what becomes of them when the worker goes."""

from typing import Any

import pytest

from slipway.deploy.deployment import Deployment
from slipway.deploy.kubectl import Document
from slipway.graphql import GraphQL
from slipway.launch.stamps import FAILURE_REASON_TAG
from slipway.launch.warm import NO_WORKER, WARM_TAG, WORKER_TAG
from support.deployed import ended, held_back, launch_assets, said, succeed, until

pytestmark = [pytest.mark.kind, pytest.mark.timeout(900)]
LOCATION = "orders"
# Reads the order system; warm by their definitions.
JOB, CANARY = "newest_deliveries", "canary_warm"
STEP = "show_newest_deliveries"
WORKERS = "deployment/orders-warm"


def held(api: GraphQL) -> str:
    """Launch a run of JOB and wait until its step has begun; return its id."""
    run = api.launch(LOCATION, JOB, {})
    until("the run's step", 60, lambda: api.progress(run).running)
    return run


def tags(api: GraphQL, run: str) -> dict[str, str]:
    found = api.ask(_RUN, run=run)["runOrError"]["tags"]
    return {each["key"]: each["value"] for each in found}


def pods(deployed: Deployment, run: str) -> list[Document]:
    return deployed.cluster.find("pods", f"dagster/run-id={run}")


def retries(api: GraphQL, run: str) -> list[str]:
    """Return the runs that were launched because `run` failed."""
    parent = [{"key": "dagster/parent_run_id", "value": run}]
    return [each["runId"] for each in api.ask(_RUNS, tags=parent)["runsOrError"]["results"]]


def kinds(api: GraphQL, run: str) -> list[str]:
    return [event["__typename"] for event in api.events(run)]


def test_a_warm_run_starts_without_the_queue_and_a_pod(deployed: Deployment, api: GraphQL) -> None:
    run = api.launch(LOCATION, JOB, {})
    succeed(api, run)
    worker = tags(api, run)[WORKER_TAG]
    assert worker.startswith("orders-warm-")
    assert f"The warm worker {worker} has the run." in said(api, run)
    assert pods(deployed, run) == []
    assert "RunEnqueuedEvent" not in kinds(api, run)
    events: list[dict[str, Any]] = api.ask(_LOGS, run=run)["runOrError"]["eventConnection"]["events"]
    keys = [event["fileKey"] for event in events if event.get("fileKey")]
    read = [api.ask(_LOG, key=[run, "compute_logs", key])["capturedLogs"]["stderr"] for key in keys]
    assert any("The newest of 10 deliveries arrived at" in (text or "") for text in read)


def test_assets_that_are_chosen_in_the_ui_are_made_by_the_worker_if_the_run_asks_for_it(
    deployed: Deployment, api: GraphQL
) -> None:
    # It reads the order system, in a pool: the queue lets it through.
    run = launch_assets(api, LOCATION, "raw_orders", tags={WARM_TAG: "true"})
    succeed(api, run)
    assert tags(api, run)[WORKER_TAG].startswith("orders-warm-")
    assert pods(deployed, run) == []
    assert "RunEnqueuedEvent" in kinds(api, run)


def test_more_runs_than_places_get_pods_and_a_worker_that_is_killed_loses_no_run_and_repeats_none(
    deployed: Deployment, api: GraphQL
) -> None:
    with held_back(deployed):
        lost = [held(api), held(api)]
        (worker,) = {tags(api, run)[WORKER_TAG] for run in lost}
        more = api.launch(LOCATION, CANARY, {})
        succeed(api, more)
        assert tags(api, more)[WORKER_TAG] == NO_WORKER
        assert "all 2 places are taken): it gets a pod." in said(api, more)
        assert len(pods(deployed, more)) == 1
        # Its record is gone at once; its processes are there for a moment more.
        deployed.cluster.run("delete", "pod", worker, "--grace-period=0", "--force")
        for run in lost:
            assert ended(api, run) == "FAILURE"
            assert tags(api, run)[FAILURE_REASON_TAG] == "PodDeleted"
            assert f"The warm worker {worker}, which had the run, is gone." in said(api, run)
        again = [until("a retry", 60, lambda run=run: retries(api, run)) for run in lost]
        for runs in again:
            until("the retry's step", 120, lambda runs=runs: api.progress(runs[0]).running)
    for run, runs in zip(lost, again, strict=True):
        succeed(api, runs[0])
        assert len(retries(api, run)) == 1
        assert kinds(api, runs[0]).count("ExecutionStepStartEvent") == 1
        # With the table free, a process that had gone on would have got on.
        assert "ExecutionStepSuccessEvent" not in kinds(api, run)
        assert tags(api, runs[0])[FAILURE_REASON_TAG] == "none"


def test_a_run_goes_on_in_the_old_worker_while_a_new_one_takes_over(
    deployed: Deployment, api: GraphQL
) -> None:
    deployed.cluster.run("rollout", "status", WORKERS, "--timeout=120s")
    with held_back(deployed):
        run = held(api)
        worker = tags(api, run)[WORKER_TAG]
        assert worker != NO_WORKER
        deployed.cluster.run("rollout", "restart", WORKERS)
        deployed.cluster.run("rollout", "status", WORKERS, "--timeout=120s")
        other = api.launch(LOCATION, CANARY, {})
        succeed(api, other)
        assert tags(api, other)[WORKER_TAG] not in {worker, NO_WORKER}
        assert api.progress(run).status == "STARTED"
    succeed(api, run)
    assert tags(api, run)[WORKER_TAG] == worker
    until("the end of the old worker", 60, lambda: deployed.cluster.get("pod", worker) is None)


_RUN = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { tags { key value } } } }"
_RUNS = "query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) { ... on Runs { results { runId } } } }"
_LOGS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run { eventConnection { events {
  ... on LogsCapturedEvent { fileKey } } } } } }"""
_LOG = "query ($key: [String!]!) { capturedLogs(logKey: $key) { stderr } }"
