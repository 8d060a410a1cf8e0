"""The cluster as `make kind-up` leaves it: nodes, DNS, volumes, the registry, the network."""

import io
import json
import subprocess
import time
import uuid
from pathlib import Path

import pytest
from rich.console import Console

from slipway.cluster import REGISTRY_ADDRESS, node_image
from slipway.cluster.kind import Kind
from slipway.images.pruning import choice, node_store, registry_store
from slipway.images.pruning.pruning import Pruning
from support.cluster import ROOT, Namespace, push_busybox

pytestmark = pytest.mark.kind


def is_own(cluster: Kind) -> bool:
    image = cluster.engine.run("container", "inspect", "--format", "{{.Config.Image}}", cluster.nodes()[0])
    return image.stdout.startswith(node_image.OWN)


def containers(cluster: Kind) -> list[tuple[str, str]]:
    listed = cluster.engine.run("ps", "--no-trunc", "--format", "{{.ID}} {{.CreatedAt}}").stdout
    return sorted(tuple(line.split(" ", 1)) for line in listed.splitlines())


def test_every_node_is_ready_and_runs_the_pinned_kubernetes(cluster: Kind) -> None:
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    assert sorted(node["metadata"]["name"] for node in nodes) == cluster.nodes()
    line = "KUBERNETES_VERSION" if is_own(cluster) else "KIND_NODE_VERSION"
    for node in nodes:
        conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{cluster.repository.versions[line]}"


def test_names_inside_resolve_and_names_outside_are_said_not_to_exist(space: Namespace, busybox: str) -> None:
    if not is_own(space.cluster):
        pytest.skip("kind's own node image passes names outside the cluster on")
    # Asked twice: a first packet to another node can be lost, and nslookup does not repeat it.
    ask = "for again in 1 2; do nslookup {name} | grep -E '^Address: |NXDOMAIN' && break; done"
    inside = space.run(
        "inside", busybox, ["sh", "-c", ask.format(name="kubernetes.default.svc.cluster.local")]
    )
    outside = space.run("outside", busybox, ["sh", "-c", ask.format(name="registry.example.com.")])
    assert inside == "Address: 10.96.0.1"
    # Not SERVFAIL, which a resolver that forwards to nobody says, after a while.
    assert "NXDOMAIN" in outside


def test_what_a_pod_wrote_into_a_claim_is_there_for_the_next(space: Namespace, busybox: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    space.apply(claim)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    space.run("writes", busybox, ["sh", "-c", "echo kept >/data/file"], volumes=volumes)
    assert space.run("reads", busybox, ["cat", "/data/file"], volumes=volumes) == "kept"
    volume = space.get("pvc", "data")["spec"]["volumeName"]
    space.kubectl("delete", "pod", "writes", "reads")
    space.kubectl("delete", "pvc", "data")
    space.cluster.kubectl("wait", "--for=delete", f"pv/{volume}", "--timeout=120s")


def test_an_image_that_was_pushed_is_pulled_by_a_pod(space: Namespace, busybox: str) -> None:
    assert busybox.startswith(f"{REGISTRY_ADDRESS}/")
    assert space.run("pulled", busybox, ["cat", "/text"]) == "came over the registry"


def test_old_images_are_pruned_and_what_a_pod_runs_stays(space: Namespace, tmp_path: Path) -> None:
    cluster, name = space.cluster, f"test-pruned-{uuid.uuid4().hex[:8]}"
    node, said = cluster.nodes()[0], io.StringIO()
    console = Console(file=said, width=200)
    oldest, older, newest = (push_busybox(cluster, tmp_path, each, name) for each in ("1", "2", "3"))
    for number, reference in enumerate((oldest, older, newest)):
        choice.note(reference, time.time() + number)
    space.start("runs", oldest, ["sleep", "600"], nodeName=node)
    space.kubectl("wait", "--for=condition=Ready", "pod/runs", "--timeout=120s")
    # They have ended, and the node keeps what it pulled.
    assert space.run("ran", older, ["cat", "/text"], nodeName=node) == "2"
    assert space.run("ran-too", newest, ["cat", "/text"], nodeName=node) == "3"

    def left() -> tuple[set[str], set[str]]:
        in_registry = {each.reference for each in registry_store.tags({}) if each.image == name}
        on_node = {each.reference for each in node_store.tags(cluster.engine, node, {}) if each.image == name}
        return in_registry, on_node

    assert not Pruning(cluster, console, 1, 0, dry_run=True, names=[name]).run()
    assert left() == ({oldest, older, newest}, {oldest, older, newest})
    assert not Pruning(cluster, console, 1, 0, dry_run=False, names=[name]).run(), said.getvalue()
    assert left() == ({oldest, newest}, {oldest, newest})
    # Its layers are gone from the registry, and the others' are not.
    assert cluster.engine.run("pull", "--quiet", newest).stdout.strip() == newest
    assert space.run("again", newest, ["cat", "/text"], nodeName=node) == "3"
    space.kubectl("delete", "pod", "runs")
    cluster.engine.run("rmi", newest)
    choice.forget([oldest, older, newest])


def test_a_tag_that_was_never_pushed_is_not_found(space: Namespace, busybox: str) -> None:
    space.start("missing", f"{busybox}-never", ["cat", "/text"])
    until = time.monotonic() + 60
    waiting: dict[str, str] = {}
    while time.monotonic() < until and "not found" not in waiting.get("message", ""):
        state = space.get("pod", "missing")["status"].get("containerStatuses", [{}])[0].get("state", {})
        waiting = state.get("waiting", {})
        time.sleep(0.5)
    assert "not found" in waiting["message"]


def test_a_service_that_is_not_there_is_refused_on_the_node(space: Namespace, busybox: str) -> None:
    if not is_own(space.cluster):
        pytest.skip("a rule of our own node image")
    said = space.run("nowhere", busybox, ["sh", "-c", "timeout 5 wget -O - http://10.96.200.200/ 2>&1"])
    assert "Connection refused" in said


def test_pods_reach_each_other_across_nodes(space: Namespace, busybox: str) -> None:
    nodes = space.cluster.nodes()
    if len(nodes) == 1:
        pytest.skip("one node: `make kind-down`, then `make kind-up NODES=2`")
    tolerations = [{"operator": "Exists"}]
    serve = ["httpd", "-f", "-p", "8080", "-h", "/"]
    space.start("serves", busybox, serve, nodeName=nodes[0], tolerations=tolerations)
    address = space.wait_phase("serves", "Running")["status"]["podIP"]
    ask = f"for i in 1 2 3 4 5; do timeout 2 wget -q -O - http://{address}:8080/text && exit; sleep 1; done"
    said = space.run("asks", busybox, ["sh", "-c", ask], nodeName=nodes[1], tolerations=tolerations)
    assert said == "came over the registry"


def test_a_second_kind_up_changes_nothing(cluster: Kind) -> None:
    def pods() -> list[str]:
        return sorted(
            cluster.kubectl(
                "-n", "kube-system", "get", "pods", "-o", "jsonpath={.items[*].metadata.uid}"
            ).split()
        )

    before = containers(cluster), pods()
    done = subprocess.run(
        ["tools/uv", "run", "--no-sync", "slipway", "kind", "up"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout
    assert (containers(cluster), pods()) == before
