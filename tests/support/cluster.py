"""Pods on the kind cluster for tests: a namespace of their own, and what a pod printed."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from slipway.cluster import REGISTRY_ADDRESS, archives, debian, node_contents
from slipway.cluster.engine import find_engine
from slipway.cluster.kind import Kind
from slipway.cluster.tools import find_tools
from slipway.images import build
from slipway.progress import Steps
from slipway.repository import find_root, read_repository

ROOT = find_root(Path(__file__))
# On a busy machine, with a volume to be made first.
POD_SECONDS = 180


def open_cluster() -> Kind:
    """Return the cluster of this machine, there or not."""
    repository, steps = read_repository(ROOT), Steps(Console(quiet=True))
    return Kind(repository, find_tools(repository, steps), find_engine(), steps)


@dataclass(frozen=True)
class Namespace:
    """A namespace of the cluster under the `restricted` pod security standard."""

    cluster: Kind
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.name, *arguments, stdin=stdin)

    def apply(self, *documents: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def start(self, name: str, image: str, command: list[str], **spec: Any) -> None:
        """Create a pod of one container; `volumes` of `spec` are mounted at /data."""
        mounts = [{"name": volume["name"], "mountPath": "/data"} for volume in spec.get("volumes", [])]
        container = {
            "name": "main",
            "image": image,
            "imagePullPolicy": "Always",
            "command": command,
            "volumeMounts": mounts,
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        user = {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "securityContext": user,
                "containers": [container],
                **spec,
            },
        }
        self.apply(pod)

    def wait_phase(self, name: str, *phases: str) -> dict[str, Any]:
        """Return the pod when it is in one of `phases`; fail with its events after three minutes."""
        until = time.monotonic() + POD_SECONDS
        while time.monotonic() < until:
            pod = self.get("pod", name)
            if pod["status"].get("phase") in phases:
                return pod
            time.sleep(0.5)
        raise AssertionError(self.kubectl("describe", "pod", name))

    def run(self, name: str, image: str, command: list[str], **spec: Any) -> str:
        """Run a pod to its end; return what it printed, whether it succeeded or not."""
        self.start(name, image, command, **spec)
        self.wait_phase(name, "Succeeded", "Failed")
        return self.kubectl("logs", name)


@contextmanager
def namespace(cluster: Kind) -> Iterator[Namespace]:
    """Yield a new namespace, deleted afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(document))
    try:
        yield Namespace(cluster, name)
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def push_busybox(cluster: Kind, folder: Path, text: str, name: str = "test-busybox") -> str:
    """Push an image with busybox and `text` in /text to the local registry; return its reference there."""
    reference = f"{REGISTRY_ADDRESS}/slipway/{name}:{uuid.uuid4().hex[:8]}"
    small = debian.archive(node_contents.SMALL, lambda _: None, variant="extract")
    busybox = node_contents.busybox(reference, small)
    layers = (*busybox.layers, archives.files({"text": text.encode()}, 0o644))
    archive = folder / "busybox.tar"
    archives.write_image(archives.Image(reference, layers), archive)
    cluster.engine.run("load", "--input", str(archive))
    build.push(cluster.engine, reference, lambda _: None)
    # What a pod runs comes from the registry.
    cluster.engine.run("rmi", reference)
    return reference
