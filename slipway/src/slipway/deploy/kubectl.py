"""One namespace of one cluster, asked through kubectl.

kubectl and not a client library: it reads the same kubeconfig, plug-ins and proxies as the person who deploys, and what
it is asked can be asked again by hand. Does not belong here: what to do with the answers.
"""

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.deploy.errors import DeployError
from slipway.errors import indented

FORWARD_HOST = "127.0.0.1"
_FORWARDING = re.compile(rf"Forwarding from {re.escape(FORWARD_HOST)}:(\d+)")
Document = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """A namespace as a kubeconfig's context sees it.

    Attributes:
        kubectl: the program.
        context: the context of the kubeconfig; never the current one, so that no shell's state decides where it goes.
        namespace: the namespace that everything is looked for in.
    """

    kubectl: Path
    context: str
    namespace: str

    def get(self, kind: str, name: str) -> Document | None:
        """Return an object, or None if there is none of that name.

        Raises:
            DeployError: the cluster can't be reached, or refuses.
        """
        found = self.run("get", kind, name, "--ignore-not-found", "-o", "json")
        return dict(json.loads(found)) if found.strip() else None

    def find(self, kind: str, selector: str = "") -> list[Document]:
        """Return the objects of a kind, of the namespace, that `selector` (labels) picks.

        Raises:
            DeployError: as `get`.
        """
        labels = ["-l", selector] if selector else []
        return list(json.loads(self.run("get", kind, *labels, "-o", "json"))["items"])

    def events(self, name: str) -> list[Document]:
        """Return the events about the object called `name`, oldest first.

        Raises:
            DeployError: as `get`.
        """
        command = ("get", "events", "--field-selector", f"involvedObject.name={name}")
        found = json.loads(self.run(*command, "--sort-by", ".lastTimestamp", "-o", "json"))
        return list(found["items"])

    def apply(self, *documents: Document) -> str:
        """Create or change objects and return what kubectl says of each.

        Raises:
            DeployError: as `get`; nothing says that the earlier ones of several were not applied.
        """
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
        return self.run("apply", "-f", "-", given=text)

    def logs(self, pod: str, container: str, lines: int, *, previous: bool = False) -> str:
        """Return the last `lines` of a container's log; empty where it has none."""
        command = ["logs", pod, "-c", container, f"--tail={lines}", *(["--previous"] if previous else [])]
        return self._call(command).stdout

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl in the namespace and return what it printed.

        Raises:
            DeployError: it failed; the message carries what it said.
        """
        done = self._call(arguments, given)
        if done.returncode:
            raise DeployError(
                f"kubectl {' '.join(arguments[:3])} in {self.context} failed:\n{indented(done.stderr)}",
                f"Is the cluster up? `kubectl --context {self.context} get nodes` tells.",
            )
        return done.stdout

    @contextmanager
    def forwarded(self, pod: str, port: int) -> Iterator[int]:
        """Lend a port of this machine that leads to `port` of a pod while the block runs.

        Raises:
            DeployError: the pod does not take it.
        """
        command = [*self._base(), "port-forward", f"pod/{pod}", f":{port}", "--address", FORWARD_HOST]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as forwarding:
            try:
                port = _port_said_by(forwarding, pod)
                # It writes a line for each connection, and stands still when nobody has read two thousand of them.
                reading = threading.Thread(target=forwarding.communicate)
                reading.start()
                try:
                    yield port
                finally:
                    forwarding.terminate()
                    reading.join()
            finally:
                forwarding.terminate()

    def _call(self, arguments: Sequence[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._base(), *arguments], input=given, capture_output=True, text=True, check=False
        )

    def _base(self) -> list[str]:
        return [str(self.kubectl), "--context", self.context, "--namespace", self.namespace]


def _port_said_by(forwarding: "subprocess.Popen[str]", pod: str) -> int:
    said = []
    for line in forwarding.stdout or ():
        if found := _FORWARDING.search(line):
            return int(found.group(1))
        said.append(line)
    raise DeployError(f"No port could be forwarded to {pod}:\n{indented(''.join(said))}")
