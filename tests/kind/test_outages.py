"""The Kubernetes API out of reach of the deployed platform's pods: runs that go on, that are launched, that need pods for their steps."""

import time
from typing import Any

import pytest

from slipway.cluster.kind import Kind
from slipway.deploy import verification
from slipway.deploy.deployment import Deployment
from slipway.deploy.kubectl import Document
from slipway.graphql import GraphQL
from support.deployed import held_back, launch_assets, locations, pod_of_run, said, succeed, until
from support.outages import api_out_of_reach

pytestmark = [pytest.mark.kind, pytest.mark.timeout(900)]
SERVERS = "component in (dagster-webserver, dagster-daemon, user-deployments)"
LAUNCHERS = "component in (dagster-webserver, dagster-daemon)"
# As Dagster words it, of whatever was out of reach.
QUEUED_AGAIN = "re-submitting the run into the queue"
OUT_OF_REACH = "The Kubernetes API"
QUEUE_WORKERS = "app.kubernetes.io/name=queue-worker,slipway/worker=default"


def restarts(deployed: Deployment) -> dict[str, int]:
    """Return how often the processes of the standing pods were started anew, by the pod's UID."""
    return {
        pod["metadata"]["uid"]: sum(each["restartCount"] for each in pod["status"]["containerStatuses"])
        for pod in deployed.cluster.find("pods", SERVERS)
        # Of a release that was changed before, an old one may be about to end.
        if not pod["metadata"].get("deletionTimestamp")
    }


def daemons_errors(api: GraphQL, daemon: str) -> str:
    """Return what the page of the daemons shows as errors of one of them."""
    found: list[dict[str, Any]] = api.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return "\n".join(
        error["message"]
        for each in found
        if each["daemonType"] == daemon
        for error in each["lastHeartbeatErrors"]
    )


def running_pod(deployed: Deployment, run: str) -> Document:
    """Return the pod of a run, as soon as it has an address."""
    return dict(
        until(
            "the pod's address",
            120,
            lambda: (pod := pod_of_run(deployed, run))["status"].get("podIP") and pod,
        )
    )


def test_runs_go_on_and_are_launched_later(cluster: Kind, deployed: Deployment, api: GraphQL) -> None:
    before = restarts(deployed)
    with held_back(deployed):
        # In a pod of its own, and in a warm worker.
        going_on = [launch_assets(api, "orders", "raw_orders"), api.launch("orders", "newest_deliveries", {})]
        for run in going_on:
            until("the run's step", 180, lambda run=run: api.progress(run).running)
        with api_out_of_reach(cluster, deployed.cluster.find("pods", LAUNCHERS)):
            asked = time.monotonic()
            launched = api.launch("orders", "canary", {})
            print(f"launched without the API: answered after {time.monotonic() - asked:.0f} s")  # noqa: T201 - a figure
            until(
                "run monitoring asks in vain", 120, lambda: OUT_OF_REACH in daemons_errors(api, "MONITORING")
            )
            until("the daemon queues the run again", 180, lambda: QUEUED_AGAIN in said(api, launched))
            assert {api.progress(run).status for run in going_on} == {"STARTED"}
            assert api.progress(launched).status in {"QUEUED", "STARTING"}
            for pod in verification.webserver_pods(deployed.cluster):
                with verification.webserver(deployed.cluster, pod) as served:
                    errors = {each.name: each.error for each in served.locations()}
                    # One that a test took away a minute ago may still be shown.
                    expected = locations(deployed)
                    assert {name: errors[name] for name in expected} == dict.fromkeys(expected)
        assert {api.progress(run).status for run in going_on} == {"STARTED"}
    for run in (*going_on, launched):
        succeed(api, run)
    assert restarts(deployed) == before


def test_steps_wait_for_their_pods(cluster: Kind, deployed: Deployment, api: GraphQL) -> None:
    with api_out_of_reach(cluster, deployed.cluster.find("pods", QUEUE_WORKERS)):
        queued = api.launch("orders", "canary_in_queue", {})
        run = api.launch("orders", "canary_in_pods", {})
        with api_out_of_reach(cluster, [running_pod(deployed, run)]):
            until("the step waits", 120, lambda: "The step waits" in said(api, run))
        until("the other one's step", 120, lambda: "waits in the queue" in said(api, queued))
        succeed(api, run)
        assert api.progress(queued).status == "STARTED"
        assert api.progress(queued).done == 0
    succeed(api, queued)


_DAEMONS = (
    """{ instance { daemonHealth { allDaemonStatuses { daemonType lastHeartbeatErrors { message } } } } }"""
)
