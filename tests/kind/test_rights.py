"""What accounts and pods of the deployed platform may do, asked of the cluster itself; and what the clean-up does with its rights."""

import json
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest

from slipway.deploy import demo, diagnosis
from slipway.deploy.deployment import Deployment
from slipway.deploy.errors import DeployError
from slipway.graphql import GraphQL
from support.deployed import code_server, ended, pod_of_run, until

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
# For the clean-up: how long a Job may work on without a run.
OLD_SECONDS = 10
# Asks the API as a pod would that has been broken into: with its token, if it has one.
_ASK = """
import pathlib, ssl, urllib.request, urllib.error
folder = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
token = folder / "token"
headers = {"Authorization": f"Bearer {token.read_text()}"} if token.exists() else {}
url = "https://kubernetes.default.svc.cluster.local/api/v1/namespaces/slipway/secrets"
try:
    request = urllib.request.Request(url, headers=headers)
    print(urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print("unreachable", error)
"""


@pytest.mark.parametrize(
    ("account", "verb", "what", "said"),
    [
        ("sales", "create", "pods", "no"),
        ("sales", "create", "jobs", "no"),
        ("sales", "get", "secrets", "no"),
        ("editorial", "get", "configmaps", "no"),
        ("editorial", "list", "pods", "no"),
        # Its job revenue_in_pods makes Jobs, and nothing else.
        ("orders", "create", "jobs", "yes"),
        ("orders", "create", "pods", "no"),
        ("orders", "get", "secrets", "no"),
        ("dagster", "create", "jobs", "yes"),
        ("dagster", "get", "secrets", "no"),
        ("dagster", "create", "rolebindings", "no"),
        ("cleanup", "delete", "jobs", "yes"),
        ("cleanup", "create", "jobs", "no"),
        ("cleanup", "get", "secrets", "no"),
        ("default", "list", "pods", "no"),
    ],
)
def test_accounts_may_do_what_they_have_to_and_no_more(
    deployed: Deployment, account: str, verb: str, what: str, said: str
) -> None:
    command = ["auth", "can-i", verb, what, "--as", f"system:serviceaccount:slipway:{account}"]
    where = ["--context", deployed.cluster.context, "-n", deployed.cluster.namespace]
    asked = [str(deployed.cluster.kubectl), *where, *command]
    assert subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == said


@pytest.mark.parametrize("location", ["orders", "sales", "editorial"])
def test_the_token_of_a_code_server_opens_nothing(deployed: Deployment, location: str) -> None:
    # The official chart mounts one, whatever the account says.
    said = deployed.cluster.run("exec", code_server(deployed, location), "--", "python", "-c", _ASK)
    assert_turned_away(said, f"system:serviceaccount:slipway:{location}")


def test_a_pod_like_a_run_s_has_no_token_and_is_turned_away(deployed: Deployment) -> None:
    cluster, name = deployed.cluster, f"test-token-{uuid.uuid4().hex[:8]}"
    (server,) = cluster.find("deployments", "app.kubernetes.io/instance=sales")
    asks = demo.job(name, server, ["python", "-c", _ASK], None)
    assert asks["spec"]["template"]["spec"]["serviceAccountName"] == "sales"
    cluster.apply(asks)
    try:
        until("an answer", 180, lambda: _over(deployed, name))
        (pod,) = cluster.find("pods", f"job-name={name}")
        (container,) = pod["spec"]["containers"]
        assert_turned_away(cluster.logs(pod["metadata"]["name"], container["name"], 20), "system:anonymous")
    finally:
        cluster.run("delete", "job", name)


def test_runs_get_a_token_only_where_they_start_pods(deployed: Deployment, api: GraphQL) -> None:
    runs = {
        "sales": api.launch("sales", "monthly_report_job", {"dagster/partition": "2026-02"}),
        "orders": api.launch("orders", "canary", {}),
    }
    mounted = {}
    for location, run in runs.items():
        spec = pod_of_run(deployed, run)["spec"]
        sources = [
            each for volume in spec["volumes"] for each in volume.get("projected", {}).get("sources", [])
        ]
        mounted[location] = any("serviceAccountToken" in each for each in sources)
        ended(api, run)
    assert mounted == {"sales": False, "orders": True}


def assert_turned_away(said: str, account: str) -> None:
    answer = said.strip()
    # Where network policies are enforced, it does not even get there.
    assert answer.startswith(("401", "403", "unreachable")), answer
    assert account in answer or answer.startswith("unreachable")


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


@pytest.fixture
def orphan(deployed: Deployment) -> Iterator[str]:
    """The name of a Job whose run Dagster does not know."""
    name = f"test-orphan-{uuid.uuid4().hex[:8]}"
    container = {"name": "c", "image": "x", "resources": {"limits": {"memory": "16Mi"}}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"dagster/run-id": str(uuid.uuid4())}},
        # No pod is made.
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    deployed.cluster.run("create", "-f", "-", given=json.dumps(job))
    yield name
    deployed.cluster.run("delete", "job", name, "--ignore-not-found")


def test_the_clean_up_removes_an_orphan_and_nothing_else(deployed: Deployment, orphan: str) -> None:
    cluster = deployed.cluster
    jobs = cluster.find("jobs", "dagster/run-id")
    others = {each["metadata"]["name"] for each in jobs if each["status"].get("succeeded")}
    name = f"test-cleanup-{uuid.uuid4().hex[:8]}"
    made = json.loads(
        cluster.run("create", "job", name, "--from=cronjob/cleanup", "--dry-run=client", "-o", "json")
    )
    (container,) = made["spec"]["template"]["spec"]["containers"]
    # Soon, and not after two minutes; what ended is kept, as ever. Runs of other tests that end just now need a moment for it.
    patient = [each for each in container["args"] if each.startswith("--orphan-seconds=")]
    assert patient == ["--orphan-seconds=120"]
    container["args"] = [each for each in container["args"] if each not in patient] + [
        f"--orphan-seconds={OLD_SECONDS}"
    ]
    time.sleep(OLD_SECONDS)
    cluster.run("create", "-f", "-", given=json.dumps(made))
    try:
        until("the end of the clean-up", 180, lambda: _over(deployed, name))
        (pod,) = cluster.find("pods", f"job-name={name}")
        said = cluster.logs(pod["metadata"]["name"], "cleanup", 20)
        assert f"{orphan}: its run was deleted" in said
        assert cluster.get("job", orphan) is None
        left = {each["metadata"]["name"] for each in cluster.find("jobs", "dagster/run-id")}
        assert others <= left, said
    finally:
        cluster.run("delete", "job", name)


def _over(deployed: Deployment, job: str) -> bool:
    found = deployed.cluster.get("job", job)
    conditions = (found or {}).get("status", {}).get("conditions", [])
    ended = {each["type"] for each in conditions if each["status"] == "True"}
    assert "Failed" not in ended, diagnosis.unready(deployed.cluster, "platform")
    return "Complete" in ended
