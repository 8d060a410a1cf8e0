"""The whole platform on the kind cluster, deployed by `slipway deploy` as anybody would.

Needs the official chart (docs/deploy.md says where it is looked for).
"""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.cluster.kind import Kind
from slipway.deploy import charts, deployment, diagnosis, images, verification
from slipway.deploy.deployment import Deployment
from slipway.deploy.errors import DeployError
from slipway.deploy.helm import Helm
from slipway.deploy.kubectl import Cluster
from slipway.deploy.releases import read_releases
from slipway.graphql import GraphQL
from slipway.progress import Steps
from support.cluster import ROOT

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
RUN_SECONDS = 300
SLIPWAY = Path(sys.executable).with_name("slipway")


def slipway(*arguments: str) -> str:
    done = subprocess.run([str(SLIPWAY), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deployed(cluster: Kind) -> Deployment:
    """The environment kind, deployed; with the official chart, whose version it prints."""
    try:
        chart = charts.find(ROOT, charts.CONTROL_PLANE)
    except charts.ChartMissingError as missing:
        pytest.skip(f"{missing} {missing.hint}")
    print(f"chart {charts.version(chart)}, images {cluster.repository.versions['DAGSTER_VERSION']}")  # noqa: T201 - in the summary of a run
    slipway("deploy", "--env", "kind")
    releases = read_releases(ROOT)
    target = releases.target("kind")
    builder = images.builder_of(cluster.repository, cluster.engine, lambda _: None)
    return Deployment(
        ROOT,
        "kind",
        releases,
        images.tags(cluster.repository, builder),
        Cluster(cluster.tools.kubectl, target.context, target.namespace),
        Helm(cluster.tools.helm, target.context, target.namespace),
    )


@pytest.fixture
def api(deployed: Deployment) -> Iterator[GraphQL]:
    pod = verification.webserver_pods(deployed.cluster)[0]
    with verification.webserver(deployed.cluster, pod) as served:
        yield served


def ended(api: GraphQL, run: str) -> str:
    """Wait until a run has ended and return how."""
    deadline = time.monotonic() + RUN_SECONDS
    while (status := api.progress(run).status) not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < deadline, f"{run} is still {status}"
        time.sleep(0.5)
    return status


def control_plane(deployed: Deployment) -> list[str]:
    pods = diagnosis.pods_of(deployed.cluster, "dagster")
    return sorted(pod["metadata"]["uid"] for pod in pods)


def test_a_second_call_changes_nothing(deployed: Deployment) -> None:
    before = control_plane(deployed)
    assert "Nothing changed." in slipway("deploy", "--env", "kind")
    said = slipway("diff", "--env", "kind")
    assert said.count("nothing changes") == len(deployed.releases.of("kind"))
    assert control_plane(deployed) == before


def test_assets_are_made_by_a_job_and_stored_on_s3(deployed: Deployment, api: GraphQL) -> None:
    run = api.launch("orders", "daily_pipeline", {"dagster/partition": "2026-03-05"})
    assert ended(api, run) == "SUCCESS", api.failure(run)
    # The run is over before its process is.
    deployed.cluster.run(
        "wait", "job", "-l", f"dagster/run-id={run}", "--for=condition=complete", "--timeout=60s"
    )
    rows = {each.name: each for each in api.assets()["orders"]}
    assert rows["daily_orders"].materialized >= 1
    assert (rows["daily_orders"].rows or 0) > 0


def test_what_steps_print_is_read_through_the_webserver(deployed: Deployment, api: GraphQL) -> None:
    run = api.launch("orders", "canary", {})
    assert ended(api, run) == "SUCCESS", api.failure(run)
    # The pod, and with it whatever its disk had, is of no more use.
    deployed.cluster.run("delete", "job", "-l", f"dagster/run-id={run}", "--wait")
    found = api.ask(_LOGS, run=run)["runOrError"]["eventConnection"]["events"]
    keys = [event["fileKey"] for event in found if event.get("fileKey")]
    read = [api.ask(_LOG, key=[run, "compute_logs", key])["capturedLogs"]["stderr"] for key in keys]
    assert any("stored on" in (text or "") for text in read)


def test_a_broken_image_leaves_the_old_code_serving(deployed: Deployment, api: GraphQL) -> None:
    broken = dataclasses.replace(deployed, tags={**deployed.tags, "sales": "no-such-tag"})
    release = deployed.releases.release("sales", "kind")
    with pytest.raises(DeployError, match=r"ImagePullBackOff|ErrImagePull") as failed:
        deployment.deploy(broken, [release], Steps())
    assert "brought back" in failed.value.hint
    assert "sales" in {each.name for each in api.locations() if not each.error}
    assert deployed.differences(release) == {}


@pytest.mark.parametrize(
    ("account", "verb", "what"),
    [
        ("sales", "create", "pods"),
        ("sales", "create", "jobs"),
        ("sales", "get", "secrets"),
        ("editorial", "get", "configmaps"),
        ("dagster", "get", "secrets"),
        ("dagster", "create", "rolebindings"),
    ],
)
def test_accounts_may_not_do_more_than_they_have_to(
    deployed: Deployment, account: str, verb: str, what: str
) -> None:
    command = ["auth", "can-i", verb, what, "--as", f"system:serviceaccount:slipway:{account}"]
    kubectl = deployed.cluster.kubectl
    asked = [str(kubectl), "--context", deployed.cluster.context, "-n", deployed.cluster.namespace, *command]
    assert subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "no"


def test_a_privileged_pod_is_refused(deployed: Deployment) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged"},
        "spec": {
            "containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}],
        },
    }
    with pytest.raises(DeployError, match="violates PodSecurity"):
        deployed.cluster.run("create", "-f", "-", given=json.dumps(pod))


_LOGS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run { eventConnection { events {
  ... on LogsCapturedEvent { fileKey } } } } } }"""
_LOG = "query ($key: [String!]!) { capturedLogs(logKey: $key) { stderr } }"
