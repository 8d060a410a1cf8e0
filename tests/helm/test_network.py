"""Who reaches whom, computed from what is rendered, is what docs/network.md says: cell by cell, in every environment."""

import ipaddress
from typing import Any

import pytest
import yaml

from slipway.deploy.releases import values_files
from slipway.deploy.values import merged
from support import rendering
from support.network import Place, reaches

# A managed S3's; the database and the Kubernetes API have addresses in their own subnets.
OBJECTS = "203.0.113.9"
RUN = {"app.kubernetes.io/component": "run_worker"}
STEP = {"app.kubernetes.io/component": "step_worker"}


def table() -> dict[str, dict[str, bool]]:
    """Return the table of docs/network.md: from, to, whether."""
    lines = (rendering.CHECKOUT / "docs/network.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    head = next(index for index, row in enumerate(rows) if row[0] == "from \\ to")
    targets = rows[head][1:]
    said = {}
    for row in rows[head + 2 :]:
        if len(row) != len(targets) + 1:
            break
        said[row[0]] = {target: cell == "yes" for target, cell in zip(targets, row[1:], strict=True)}
    return said


def pods(environment: str) -> dict[str, list[Place]]:
    """Return the pods of each row: those that are rendered, and those that Dagster makes for runs."""
    namespace = rendering.RELEASES.target(environment).namespace
    found: dict[str, list[Place]] = {}
    for pod in rendering.pods(rendering.everything(environment)):
        labels = pod.labels
        row = labels.get("component") or labels["app.kubernetes.io/name"]
        row = {"user-deployments": "code servers"}.get(row, row.removeprefix("dagster-"))
        assert row in table(), f"{pod.owner} is in no row"
        found.setdefault(row, []).append(Place(labels, namespace))
    for location, settings in platform_values(environment)["codeLocations"].items():
        row = "runs with step pods" if settings.get("stepPods") else "runs"
        row = "runs with queued steps" if settings.get("queue") else row
        # The executor is in the run's pod; a step is like a run that has none.
        for kind, of_kind in ((RUN, row), (STEP, "runs")):
            found.setdefault(of_kind, []).append(
                Place({**kind, "dagster/code-location": location}, namespace)
            )
    found["demo"] = [Place({"app.kubernetes.io/name": "demo"}, namespace)]
    return found


def targets(environment: str, own: dict[str, list[Place]]) -> dict[str, list[tuple[Place, int, str]]]:
    """Return the places of each column."""
    platform = platform_values(environment).get("networkPolicies", {})
    s3_port = platform.get("s3", {}).get("port", 9000)
    in_cluster = "postgres" in own
    database = "" if in_cluster else address(platform["postgres"])
    api = "10.0.0.10" if in_cluster else address(platform["kubernetesApi"])
    return {
        "webserver 3000": [(pod, 3000, "TCP") for pod in own["webserver"]],
        "code servers 3030": [(pod, 3030, "TCP") for pod in own["code servers"]],
        "warm-worker 3030": [(pod, 3030, "TCP") for pod in own.get("warm-worker", [])],
        "postgres 5432": [(pod, 5432, "TCP") for pod in own.get("postgres", [Place(address=database)])],
        "s3 9000": [(pod, s3_port, "TCP") for pod in own.get("s3", [Place(address=OBJECTS)])],
        "redis 6379": [(pod, 6379, "TCP") for pod in own["redis"]],
        # With a managed S3 anywhere on 443 that port of the API can't be told from it.
        "Kubernetes API": [
            (Place(address=api), port, "TCP") for port in ([443, 6443] if in_cluster else [6443])
        ],
        "DNS": [(Place({"k8s-app": "kube-dns"}, "kube-system"), 53, protocol) for protocol in ("UDP", "TCP")],
    }


def address(server: dict[str, Any]) -> str:
    """Return an address in the last of a managed server's subnets."""
    return str(ipaddress.ip_network(server["cidrs"][-1])[5])


def platform_values(environment: str) -> dict[str, Any]:
    """Return what the files of charts-values say for the release of helm/platform; its defaults are not in it."""
    result: dict[str, Any] = {}
    for file in values_files(
        rendering.ROOT, rendering.RELEASES.release("platform", environment), environment
    ):
        result = merged(result, yaml.safe_load(file.read_text()))
    return result


def policies(environment: str) -> list[Any]:
    return [each for each in rendering.everything(environment) if each["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)
@pytest.mark.parametrize("row", list(table()))
def test_the_policies_say_what_the_table_says(environment: str, row: str) -> None:
    own = pods(environment)
    if row not in own:
        assert row in {"flower", "postgres", "redis", "s3", "runs with step pods", "warm-worker"}, (
            f"{environment} has no pods for {row}"
        )
        pytest.skip(f"{environment} has managed services, or no location of that kind")
    namespace = rendering.RELEASES.target(environment).namespace
    for column, places in targets(environment, own).items():
        for origin in own[row]:
            for target, port, protocol in places:
                if origin == target:
                    continue
                found = reaches(policies(environment), namespace, origin, target, (port, protocol))
                assert found == table()[row][column], f"{row} {dict(origin.labels)} to {column}: {found}"


@pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)
def test_nothing_comes_from_outside_and_no_other_port_is_open(environment: str) -> None:
    namespace = rendering.RELEASES.target(environment).namespace
    own = pods(environment)
    stranger = Place({"component": "dagster-webserver"}, "elsewhere")
    every = policies(environment)
    for row, places in own.items():
        for place in places:
            for port in (22, 3000, 3030, 5432, 6379, 9000):
                for origin in (stranger, Place(address="198.51.100.1")):
                    assert not reaches(every, namespace, origin, place, (port, "TCP")), f"{row} {port}"
            for other in (each for each in own["webserver"] + own["daemon"] if each != place):
                assert not reaches(every, namespace, other, place, (22, "TCP")), row


def test_the_evaluator_tells_a_policy_from_none() -> None:
    (deny,) = yaml.safe_load_all("{spec: {podSelector: {}, policyTypes: [Ingress]}}")
    one, two = Place({"a": "1"}, "n"), Place({"a": "2"}, "n")
    assert reaches([], "n", one, two, (1, "TCP"))
    assert not reaches([deny], "n", one, two, (1, "TCP"))
    odd = {"spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"endPort": 9}]}]}}
    with pytest.raises(NotImplementedError, match="endPort"):
        reaches([odd], "n", one, two, (1, "TCP"))


@pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)
def test_who_reaches_s3_by_a_role_reaches_its_credentials(environment: str) -> None:
    settings = platform_values(environment)["networkPolicies"]["s3"] if environment != "kind" else {}
    if "credentials" not in settings:
        pytest.skip(f"{environment} has keys")
    (block,) = settings["credentials"]["cidrs"]
    agent = Place(address=block.removesuffix("/32"))
    namespace = rendering.RELEASES.target(environment).namespace
    for row, places in pods(environment).items():
        for place in places:
            found = reaches(policies(environment), namespace, place, agent, (80, "TCP"))
            assert found == table()[row]["s3 9000"], row
