"""Outages on the nodes of the kind cluster that hit the pods of a test, and nobody else's; they end with the test that made them.

Does not belong here: killing a pod or a process.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from slipway.cluster.kind import Kind
from slipway.deploy.kubectl import Document

SECONDS = 300
"""After so long an outage is over, whatever became of the test."""
# A new connection to the API's service is led to a port of the node where nobody listens, one that is open is reset: where the API is on
# the node, its packets come in, else they are passed on. (REJECT of a new one would answer from an address that the pod never asked.)
# Ends at the end of its input, which comes when the test dies, too.
_SCRIPT = """
rules() {{
  for address in {addresses}; do
    iptables -w -t nat "$1" PREROUTING -s "$address" -d {api} -p tcp -j REDIRECT --to-ports 1
    for chain in INPUT FORWARD; do
      iptables -w "$1" "$chain" -s "$address" -p tcp -m conntrack --ctstate ESTABLISHED --ctorigdst {api} -j REJECT --reject-with tcp-reset
    done
  done
}}
trap 'rules -D' EXIT
rules -I
echo out
timeout {seconds} cat >/dev/null
"""


@contextmanager
def api_out_of_reach(cluster: Kind, pods: Sequence[Document]) -> Iterator[None]:
    """Keep these pods from the Kubernetes API while the block lasts, over new connections and old ones."""
    api = cluster.kubectl("get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}")
    by_node: dict[str, list[str]] = {}
    for pod in pods:
        by_node.setdefault(pod["spec"]["nodeName"], []).append(pod["status"]["podIP"])
    with ExitStack() as stack:
        for node, addresses in by_node.items():
            script = _SCRIPT.format(addresses=" ".join(addresses), api=api, seconds=SECONDS)
            stack.enter_context(_outage(cluster, node, script))
        yield


@contextmanager
def _outage(cluster: Kind, node: str, script: str) -> Iterator[None]:
    command = [str(cluster.engine.client), "exec", "--interactive", node, "sh", "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        said = process.stdout.readline()
        assert said == "out\n", said + process.communicate()[0]
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(30)
