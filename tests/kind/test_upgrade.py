"""A code location's release is upgraded, and rolled back, while a run of it goes on and people ask for it."""

import dataclasses
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from slipway.cluster.kind import Kind
from slipway.deploy import deployment, verification
from slipway.deploy.deployment import Deployment
from slipway.graphql import REPOSITORY, GraphQL
from slipway.progress import Steps
from support import variant
from support.deployed import control_plane, held_back, pod_of_run, succeed, until

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
LOCATION = "orders"
JOB = "daily_pipeline"


@pytest.fixture
def restored(deployed: Deployment) -> Iterator[None]:
    """Whatever a test does to the location's release is undone after it."""
    yield
    deployment.deploy(deployed, [deployed.releases.release(LOCATION, "kind")], Steps())


@contextmanager
def asked_all_along(api: GraphQL) -> Iterator[list[str]]:
    """Ask the code server for a plan again and again while the block lasts; yield the answers' kinds."""
    answers: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answer = api.ask(_PLAN, selector=SELECTOR)["executionPlanOrError"]
            answers.append(answer["__typename"] + answer.get("message", ""))
            time.sleep(0.3)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield answers
    finally:
        over.set()
        asking.join()


def served_image(api: GraphQL) -> str:
    """Return the image that the webserver knows the location by; empty while it learns of another one."""
    entries = api.ask(_IMAGES)["workspaceOrError"]["locationEntries"]
    shown = [each for entry in entries if entry["name"] == LOCATION for each in entry["displayMetadata"]]
    # None at all while the webserver asks a new code server.
    return "".join(each["value"] for each in shown if each["key"] == "image")


@pytest.mark.usefixtures("restored")
def test_an_upgrade_and_a_rollback_disturb_nobody(cluster: Kind, deployed: Deployment, api: GraphQL) -> None:
    release = deployed.releases.release(LOCATION, "kind")
    before, servers = served_image(api), control_plane(deployed)
    tag = variant.push(cluster, deployed, LOCATION, LOCATION)
    changed = dataclasses.replace(deployed, tags={**deployed.tags, LOCATION: tag})
    with asked_all_along(api) as answers:
        with held_back(deployed):
            run = api.launch(LOCATION, JOB, {"dagster/partition": "2026-03-06"})
            until("the run's first step", 180, lambda: api.progress(run).running)
            assert deployment.deploy(changed, [release], Steps()) == [LOCATION]
            until("the new image is served", 60, lambda: served_image(api).endswith(f":{tag}"))
            assert api.progress(run).status == "STARTED"
        succeed(api, run)
        pod = pod_of_run(deployed, run)
        assert pod["spec"]["containers"][0]["image"] == before
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
        after = api.launch(LOCATION, "canary", {})
        succeed(api, after)
        assert pod_of_run(deployed, after)["spec"]["containers"][0]["image"].endswith(f":{tag}")
        roll_back(deployed)
        until("the old image is served", 60, lambda: served_image(api) == before)
    assert len(answers) > 10
    assert set(answers) == {"ExecutionPlan"}
    for name in verification.webserver_pods(deployed.cluster):
        with verification.webserver(deployed.cluster, name) as each:
            until(
                "the old image is served by every webserver",
                60,
                lambda each=each: served_image(each) == before,
            )
    assert deployed.differences(release) == {}
    assert control_plane(deployed) == servers


def roll_back(deployed: Deployment) -> None:
    """Do what docs/deploy.md says about a rollback by hand."""
    helm = deployed.helm
    where = ["--kube-context", helm.context, "--namespace", helm.namespace]
    subprocess.run([str(helm.helm), *where, "rollback", LOCATION, "--wait"], check=True, capture_output=True)


SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "pipelineName": "canary"}
_PLAN = """query ($selector: PipelineSelector!) { executionPlanOrError(pipeline: $selector, mode: "default", runConfigData: {}) {
  __typename ... on PythonError { message } } }"""
_IMAGES = (
    "{ workspaceOrError { ... on Workspace { locationEntries { name displayMetadata { key value } } } } }"
)
