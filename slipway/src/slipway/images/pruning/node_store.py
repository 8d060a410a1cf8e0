"""The images that the kind cluster's nodes have pulled, in containerd's store, and which of them the cluster uses.

Only names of the local registry: what a node's own image brings along can't be pulled again.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from slipway.cluster import REGISTRY_ADDRESS
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.cluster.kind import Kind
from slipway.images.pruning.choice import PREFIX, REFERENCE, Tagged, Used

# What has pods, or says which image they get (the instance's configuration).
_KINDS = "pods,deployments,statefulsets,daemonsets,cronjobs,jobs,configmaps"
_CTR = ("ctr", "--namespace", "k8s.io", "images")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LINE = re.compile(r"(?P<reference>\S+)\s+\S+\s+(?P<digest>sha256:\w+)\s+(?P<size>[\d.]+) (?P<unit>\w+)\s")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def used(cluster: Kind) -> Used:
    """Return what the cluster's objects name.

    Raises:
        ClusterError: it does not answer.
    """
    listed = cluster.kubectl("get", _KINDS, "--all-namespaces", "--output=json", "--request-timeout=30s")
    return used_by(json.loads(listed)["items"])


def used_by(objects: Iterable[Mapping[str, Any]]) -> Used:
    """Return the images and digests that objects name anywhere in them; pods and Jobs that have ended need none."""
    text = "\n".join(json.dumps(each) for each in objects if not _ended(each))
    return Used(frozenset(REFERENCE.findall(text)), frozenset(_DIGEST.findall(text)))


def tags(engine: Engine, node: str, times: Mapping[str, float]) -> list[Tagged]:
    """Return the tags of ours that a node has, and digests that no tag leads to any more.

    Raises:
        ClusterError: the node does not answer.
    """
    lines = engine.run("exec", node, *_CTR, "list").stdout.splitlines()[1:]
    return tags_in(lines, times)


def tags_in(lines: Iterable[str], times: Mapping[str, float]) -> list[Tagged]:
    """Return the images of `ctr images list`, without the names by digest that containerd adds to each."""
    found = []
    for match in filter(None, map(_LINE.match, lines)):
        reference, size = match["reference"], float(match["size"]) * _UNITS[match["unit"]]
        if reference.startswith(f"{REGISTRY_ADDRESS}/{PREFIX}/"):
            found.append(Tagged(reference, match["digest"], int(size), times.get(reference, 0)))
    named = {each.digest for each in found if "@" not in each.reference}
    return [each for each in found if "@" not in each.reference or each.digest not in named]


def remove(engine: Engine, node: str, images: Sequence[Tagged]) -> None:
    """Remove images from a node by all their names, and the layers that no other has.

    Raises:
        ClusterError: the node does not answer, or refuses.
    """
    lines = engine.run("exec", node, *_CTR, "list").stdout.splitlines()[1:]
    names = names_of({each.digest for each in images}, lines)
    if names:
        engine.run("exec", node, *_CTR, "remove", "--sync", *names)


def names_of(digests: Collection[str], lines: Iterable[str]) -> list[str]:
    """Return all names that lead to `digests`."""
    return [
        match["reference"] for match in filter(None, map(_LINE.match, lines)) if match["digest"] in digests
    ]


def usage(engine: Engine, node: str) -> int:
    """Return the bytes of a node's images and containers.

    Raises:
        ClusterError: the node does not answer.
    """
    # It ends with 1, and with a sum, where files go while it counts.
    said = engine.run("exec", node, "du", "--summarize", "--block-size=1", "/var/lib/containerd", check=False)
    if not said.stdout:
        raise ClusterError(f"The node {node} does not say what its images need: {said.stderr.strip()[-300:]}")
    return int(said.stdout.split()[0])


def _ended(each: Mapping[str, Any]) -> bool:
    status = each.get("status", {})
    if each["kind"] == "Pod":
        return status.get("phase") in {"Succeeded", "Failed"}
    conditions = status.get("conditions") or ()
    return each["kind"] == "Job" and any(
        one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions
    )
