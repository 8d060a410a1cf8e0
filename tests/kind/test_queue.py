"""Steps in pods of their own on the deployed platform: made by their run, or by a worker when their turn in a queue has come."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from slipway.cluster.kind import Kind
from slipway.deploy.deployment import Deployment
from slipway.deploy.kubectl import Document
from slipway.graphql import GraphQL
from support.deployed import database, ended, held_back, pod_of_run, said, succeed, until

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
WORKERS = "app.kubernetes.io/name=queue-worker,slipway/worker=order-system"
READS = "raw_orders"


def step_jobs(deployed: Deployment, run: str) -> list[Document]:
    return deployed.cluster.find("jobs", f"dagster/run-id={run},app.kubernetes.io/component=step_worker")


def step_pods(deployed: Deployment, run: str) -> list[Document]:
    return deployed.cluster.find("pods", f"dagster/run-id={run},app.kubernetes.io/component=step_worker")


def events(api: GraphQL, run: str) -> list[dict[str, Any]]:
    """Return the run's events: kind, message, step and time in seconds."""
    found = api.ask(_EVENTS, run=run)["logsForRun"]["events"]
    return [{**each, "time": int(each["timestamp"]) / 1000} for each in found]


def started(api: GraphQL, run: str) -> dict[str, float]:
    """Return when each step began; one that began twice fails the test."""
    starts = [each for each in events(api, run) if each["__typename"] == "ExecutionStepStartEvent"]
    times = {each["stepKey"]: each["time"] for each in starts}
    assert len(times) == len(starts), [each["stepKey"] for each in starts]
    return times


def owners(documents: list[Document]) -> set[tuple[str, str]]:
    return {(of["kind"], of["name"]) for each in documents for of in each["metadata"]["ownerReferences"]}


def test_each_step_of_a_queued_job_has_a_job_of_its_own(deployed: Deployment, api: GraphQL) -> None:
    run = api.launch("orders", "raw_orders_in_queue", {})
    of_run = pod_of_run(deployed, run)
    succeed(api, run)
    begun = started(api, run)
    jobs = step_jobs(deployed, run)
    assert len(jobs) == len(begun) > 1
    # Deleting the run's pod takes them along.
    assert owners(jobs) == {("Pod", of_run["metadata"]["name"])}
    said = {
        each["stepKey"]: each for each in events(api, run) if "waits in the queue" in (each["message"] or "")
    }
    assert set(said) == set(begun)
    assert '"order-system"' in said[READS]["message"]
    waited = [begun[step] - each["time"] for step, each in said.items()]
    print(  # noqa: T201 - a figure, in the summary of a run
        f"from the queue to a step's start, its pod's included: median {statistics.median(waited):.1f} s, "
        f"{min(waited):.1f} to {max(waited):.1f} s of {len(waited)}"
    )


def test_steps_get_what_their_assets_ask_for(deployed: Deployment, api: GraphQL) -> None:
    succeed(api, api.launch("orders", "raw_orders_in_queue", {}))
    run = api.launch("orders", "revenue_in_pods", {})
    of_run = pod_of_run(deployed, run)
    succeed(api, run)
    pods = {
        each["spec"]["containers"][0]["resources"]["limits"]["memory"]: each
        for each in step_pods(deployed, run)
        if each["metadata"]["labels"]["dagster/op"] == "cleaned_orders"
    }
    # Of the asset's dagster-k8s/config; the run and its other steps have the location's.
    assert set(pods) == {"1Gi"}
    (container,) = pods["1Gi"]["spec"]["containers"]
    assert container["resources"]["requests"]["memory"] == "512Mi"
    assert of_run["spec"]["containers"][0]["resources"]["limits"]["memory"] == "2Gi"
    assert owners(step_jobs(deployed, run)) == {("Pod", of_run["metadata"]["name"])}


def test_a_step_outlives_the_worker_that_is_killed(cluster: Kind, deployed: Deployment, api: GraphQL) -> None:
    with database(deployed, "order_entry", "order_entry", "order-entry-owner") as order_entry:
        # The fragile system hangs: the step that reads it goes on for longer than a worker that is gone is waited for.
        with order_entry.transaction():
            order_entry.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            run = api.launch("orders", "raw_orders_in_queue", {})
            until("the step begins", 180, lambda: READS in started(api, run))
            (job,) = step_jobs(deployed, run)
            kill(cluster, who_has(deployed, job["metadata"]["name"]))
            killed = time.monotonic()
            until(
                "the step is queued again", 120, lambda: "is gone; the step is queued again" in said(api, run)
            )
            print(f"a killed worker was noticed after {time.monotonic() - killed:.0f} s")  # noqa: T201 - see above
            assert len(step_pods(deployed, run)) == 1
        assert ended(api, run) == "SUCCESS", api.failure(run)
    # Begun once, and by one pod, whoever waited for it.
    assert READS in started(api, run)
    pods = [each for each in step_pods(deployed, run) if each["metadata"]["labels"]["dagster/op"] == READS]
    assert len(pods) == 1


def test_steps_outlive_redis(cluster: Kind, deployed: Deployment, api: GraphQL) -> None:
    with held_back(deployed), without_workers(deployed, "queue-worker-default"):
        running = api.launch("orders", "raw_orders_in_queue", {})
        waiting = api.launch("orders", "canary_in_queue", {})
        until("a step begins", 180, lambda: READS in started(api, running))
        until("a step waits", 180, lambda: "waits in the queue" in said(api, waiting))
        redis = deployed.cluster.get("pod", "redis-0")
        assert redis
        # It keeps nothing: what waited, and who had what, is forgotten.
        kill(cluster, redis)
        until("Redis is back", 120, lambda: is_back(deployed, redis))
    for run in (running, waiting):
        succeed(api, run)
        # Each step once.
        assert len(step_pods(deployed, run)) == len(started(api, run)) > 1
    assert "is gone; the step is queued again" in said(api, waiting)


def is_back(deployed: Deployment, before: Document) -> bool:
    """Whether the pod's process was started anew, and takes connections."""
    pod = deployed.cluster.get("pod", before["metadata"]["name"])
    assert pod
    now, then = pod["status"]["containerStatuses"][0], before["status"]["containerStatuses"][0]
    return bool(now["ready"] and now["restartCount"] > then["restartCount"])


@contextmanager
def without_workers(deployed: Deployment, name: str) -> Iterator[None]:
    """Let nobody take the steps of a Deployment's queues while the block lasts."""
    found = deployed.cluster.get("deployment", name)
    assert found
    deployed.cluster.run("scale", "deployment", name, "--replicas=0")
    try:
        yield
    finally:
        deployed.cluster.run("scale", "deployment", name, f"--replicas={found['spec']['replicas']}")


def who_has(deployed: Deployment, job: str) -> Document:
    """Return the pod of the worker that waits for a step's Job."""
    workers = deployed.cluster.find("pods", WORKERS)
    logs = {
        pod["metadata"]["name"]: deployed.cluster.logs(pod["metadata"]["name"], "worker", 200)
        for pod in workers
    }
    (holder,) = [pod for pod in workers if f"{job} begins" in logs[pod["metadata"]["name"]]]
    return holder


def kill(cluster: Kind, pod: Document) -> None:
    """Kill the process of a pod's container on its node: in the pod itself it has the number 1, and can't be."""
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    node = pod["spec"]["nodeName"]
    tasks = cluster.engine.run("exec", node, "ctr", "--namespace", "k8s.io", "tasks", "list").stdout
    (process,) = [line.split()[1] for line in tasks.splitlines() if line.startswith(container)]
    cluster.engine.run("exec", node, "sh", "-c", f"kill -9 {process}")


_EVENTS = """query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  __typename ... on MessageEvent { message stepKey timestamp } } } } }"""
