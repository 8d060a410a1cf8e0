"""The kind cluster itself: created when it isn't there, repaired where that is safe, deleted.

Does not belong here: its node image (`node_image`), its registry (`registry`), the engine (`engine`, `engine_setup`).
"""

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.cache import cache_folder, locked
from slipway.cluster import CLUSTER, CONTEXT, REGISTRY, node_image, registry
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.cluster.machine import follow
from slipway.cluster.node_image import NodeImage
from slipway.cluster.tools import Tools
from slipway.errors import indented
from slipway.progress import Steps
from slipway.repository import Repository

MOST_NODES = 3
# kind's defaults; docker/kind-node/rootfs/usr/local/bin/slipway-network has the same.
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
READY_SECONDS = 180
# What `up` did.
CREATED, STARTED, UNCHANGED = "created", "started", "unchanged"
_COREFILE = "corefile.yaml"
# Written into each node at the end: a cluster whose creation was interrupted lacks it.
_MARK = "/kind/slipway-complete"
_SYSTEM = (
    ("kube-system", "daemonset/kube-proxy"),
    ("kube-system", "deployment/coredns"),
    ("local-path-storage", "deployment/local-path-provisioner"),
)


@dataclass(frozen=True)
class Kind:
    """The cluster `slipway` of one engine."""

    repository: Repository
    tools: Tools
    engine: Engine
    steps: Steps

    @property
    def _lock(self) -> Path:
        return cache_folder() / f"cluster-{CLUSTER}"

    def nodes(self) -> list[str]:
        """Return the names of the cluster's node containers, running or not; none without a cluster."""
        listed = self.engine.run(
            "ps", "--all", "--filter", f"label=io.x-k8s.kind.cluster={CLUSTER}", "--format", "{{.Names}}"
        )
        return sorted(listed.stdout.split())

    def up(self, count: int | None = None) -> str:
        """Have a cluster with `count` nodes (1 by default; any number, if it is there) and the registry.

        Returns:
            "created", "started" (it, or the registry, had been stopped) or "unchanged".

        Raises:
            ClusterError: it could not be created or does not become ready, or it is there with other nodes.
            BuildError: a program of its node image could not be compiled.
        """
        # Of two calls the second waits: to it, the cluster that the first is about to create would look unfinished.
        with locked(self._lock):
            return self._up(count)

    def _up(self, count: int | None) -> str:
        nodes = self.nodes()
        if nodes and not self._is_whole(nodes):
            with self.steps.step("Delete a cluster that was not finished"):
                self._delete()
            nodes = []
        if nodes and count not in {None, len(nodes)}:
            raise ClusterError(
                f"The cluster {CLUSTER} has {len(nodes)} node(s), not {count}.", "`make kind-down` first."
            )
        if not nodes:
            self._create(count or 1)
            return CREATED
        own = self._image_of(nodes[0]).startswith(node_image.OWN)
        if own and self._image_of(nodes[0]) != node_image.own_reference(self.repository):
            self.steps.console.print(
                "[yellow]The cluster's node image is older than its recipe:[/yellow] `make kind-down kind-up`."
            )
        started = self._start(nodes)
        if self.engine.state_of(REGISTRY) != "running":
            started = True
            with self.steps.step("Registry") as say:
                registry.ensure(self.engine, self.repository, say, own=own)
                registry.introduce(self.engine, nodes)
        return STARTED if started else UNCHANGED

    def down(self, *, caches: bool) -> bool:
        """Delete the cluster and the registry's container; with `caches` also images, pushed layers, what was built.

        Returns:
            Whether there was a cluster.
        """
        with locked(self._lock):
            found = bool(self.nodes())
            if found:
                with self.steps.step("Delete the cluster"):
                    self._delete()
            registry.remove(self.engine, layers=caches)
            if caches:
                with self.steps.step("Delete what was built for it"):
                    self._delete_caches()
            return found

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl on the cluster; return what it prints.

        Raises:
            ClusterError: it failed and `check` is set.
        """
        command = [str(self.tools.kubectl), "--context", CONTEXT, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments[:4])} failed:\n{indented(done.stderr)}")
        return done.stdout.rstrip("\n")

    def _create(self, count: int) -> None:
        with self.steps.step("Node image to use") as say:
            image = node_image.choose(self.engine, self.repository, say)
            say(f"{image.reference.partition('@')[0]}: {image.reason}")
        if image.reference == node_image.own_reference(self.repository):
            node_image.ensure_own(self.engine, self.repository, self.steps)
        with self.steps.step("Registry") as say:
            registry.ensure(self.engine, self.repository, say, own=image.own)
        with self.steps.step(f"Cluster {CLUSTER}, {count} node(s)") as say:
            began = time.monotonic()
            self._kind_create(image, count, say)
            if image.own:
                # In time for CoreDNS' first start, which waits for the node's network.
                corefile = self.repository.root / node_image.RECIPE / _COREFILE
                self.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(corefile))
            registry.introduce(self.engine, self.nodes())
            self.kubectl("apply", "-f", "-", stdin=registry.advertisement())
            self._wait_ready(say)
            say(f"nodes ready after {time.monotonic() - began:.0f} s")
        with self.steps.step("DNS and storage") as say:
            self._wait_system(say)
        for node in self.nodes():
            self.engine.run("exec", node, "touch", _MARK)

    def _kind_create(self, image: NodeImage, count: int, say: Callable[[str], None]) -> None:
        follow(
            [
                *(str(self.tools.kind), "create", "cluster", "--name", CLUSTER),
                *("--image", image.reference, "--config", "-"),
            ],
            say,
            title="kind could not create the cluster",
            environment=self.engine.environment(),
            stdin=configuration(count),
            interesting=lambda line: line.strip(" •✓.\n") if line.startswith(" •") else "",
        )

    def _start(self, nodes: list[str]) -> bool:
        stopped = [node for node in nodes if self.engine.state_of(node) != "running"]
        if not stopped and self._are_ready(len(nodes)):
            return False
        with self.steps.step(f"Cluster {CLUSTER}") as say:
            for node in stopped:
                say(f"starting {node}")
                self.engine.run("start", node)
            self._write_context()
            try:
                self._wait_ready(say)
                self._wait_system(say)
            except ClusterError as error:
                error.hint = "If it stays so: `make kind-down`, then `make kind-up`."
                raise
        return True

    def _write_context(self) -> None:
        """Write the cluster into the user's kubeconfig: another user, or another HOME, may have created it."""
        command = [str(self.tools.kind), "export", "kubeconfig", "--name", CLUSTER]
        title = "kind could not write the kubeconfig"
        follow(command, lambda _: None, title=title, environment=self.engine.environment())

    def _are_ready(self, count: int) -> bool:
        shown = self.kubectl("get", "nodes", "--no-headers", "--request-timeout=10s", check=False)
        return [line.split()[1] for line in shown.splitlines() if len(line.split()) > 1] == ["Ready"] * count

    def _wait_ready(self, say: Callable[[str], None]) -> None:
        say("waiting for the nodes")
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=20s")
            except ClusterError:
                # An API server that starts again refuses for a while whom it has not read the rights of.
                if time.monotonic() > until:
                    raise
                time.sleep(1)
            else:
                return

    def _wait_system(self, say: Callable[[str], None]) -> None:
        for namespace, name in _SYSTEM:
            say(name)
            self.kubectl("rollout", "status", "-n", namespace, name, f"--timeout={READY_SECONDS}s")

    def _is_whole(self, nodes: list[str]) -> bool:
        # A container that does not run can't be asked; it was whole, or `up` would not have left it.
        running = [node for node in nodes if self.engine.state_of(node) == "running"]
        return all(
            not self.engine.run("exec", node, "test", "-e", _MARK, check=False).returncode for node in running
        )

    def _image_of(self, node: str) -> str:
        return self.engine.run("container", "inspect", "--format", "{{.Config.Image}}", node).stdout.strip()

    def _delete(self) -> None:
        follow(
            [str(self.tools.kind), "delete", "cluster", "--name", CLUSTER],
            lambda _: None,
            title="kind could not delete the cluster",
            environment=self.engine.environment(),
        )

    def _delete_caches(self) -> None:
        for repository in (node_image.OWN, registry.OWN_IMAGE):
            found = self.engine.run("images", "--quiet", repository).stdout.split()
            if found:
                self.engine.run("rmi", "--force", *found, check=False)
        for folder in ("debian", "node-image", "programs"):
            shutil.rmtree(cache_folder() / folder, ignore_errors=True)


def configuration(count: int) -> str:
    """Return kind's configuration of a cluster with `count` nodes, the first of them the control plane.

    Raises:
        ClusterError: `count` is not from 1 to 3.
    """
    if not 1 <= count <= MOST_NODES:
        raise ClusterError(f"A cluster of {count} nodes is not possible.", f"1 to {MOST_NODES} are.")
    roles = "\n".join(f"  - role: {role}" for role in ["control-plane", *["worker"] * (count - 1)])
    return f"""kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  podSubnet: {POD_RANGE}
  serviceSubnet: {SERVICE_RANGE}
nodes:
{roles}
"""
