"""Who reaches whom under a set of NetworkPolicies, computed from their manifests as Kubernetes defines them.

Of the standard (networking.k8s.io/v1) it knows what the project's policies use: podSelector, namespaceSelector, ipBlock,
numbered ports. Anything else in a policy is an error, never passed over. (cyclonus would do the same from outside, and asks
for pods of a live cluster.)
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Port = tuple[int, str]
"""Number and protocol."""
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Place:
    """Somebody at an end of a connection: a pod of a namespace, or an address outside of the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    address: str = ""


def reaches(policies: Sequence[Document], namespace: str, origin: Place, target: Place, port: Port) -> bool:
    """Whether a connection from `origin` to `port` of `target` is let out and in; `policies` are those of `namespace`."""
    lets_out = origin.namespace != namespace or _allowed(policies, "Egress", origin, target, port)
    lets_in = target.namespace != namespace or _allowed(policies, "Ingress", target, origin, port)
    return lets_out and lets_in


def _allowed(policies: Sequence[Document], direction: str, own: Place, other: Place, port: Port) -> bool:
    """Whether the policies that select the pod `own` allow it; a pod that none selects may do everything."""
    selecting = [
        each["spec"]
        for each in policies
        if direction in _types(each) and _matches(each["spec"]["podSelector"], own.labels)
    ]
    if not selecting:
        return True
    side, key = ("to", "egress") if direction == "Egress" else ("from", "ingress")
    return any(
        _has_port(rule, port) and _has_peer(rule, side, own.namespace, other)
        for spec in selecting
        for rule in spec.get(key) or []
    )


def _types(policy: Document) -> list[str]:
    # The default is worked out by the API server; ours say it.
    return list(policy["spec"]["policyTypes"])


def _has_port(rule: Document, port: Port) -> bool:
    ports = rule.get("ports")
    if not ports:
        return True
    for each in ports:
        _known(each, {"port", "protocol"})
    return any((each["port"], each.get("protocol", "TCP")) == port for each in ports)


def _has_peer(rule: Document, side: str, namespace: str, other: Place) -> bool:
    _known(rule, {"ports", side})
    peers = rule.get(side)
    if not peers:
        return True  # A rule without peers is for everybody.
    return any(_is_peer(peer, namespace, other) for peer in peers)


def _is_peer(peer: Document, namespace: str, other: Place) -> bool:
    _known(peer, {"podSelector", "namespaceSelector", "ipBlock"})
    if "ipBlock" in peer:
        _known(peer["ipBlock"], {"cidr"})
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return bool(other.address) and ipaddress.ip_address(other.address) in network
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        in_namespace = _matches(peer["namespaceSelector"], {_NAMESPACE_LABEL: other.namespace})
    else:
        in_namespace = other.namespace == namespace
    return in_namespace and _matches(peer.get("podSelector", {}), other.labels)


def _matches(selector: Document, labels: Mapping[str, str]) -> bool:
    _known(selector, {"matchLabels", "matchExpressions"})
    wanted = (selector.get("matchLabels") or {}).items()
    if any(labels.get(key) != value for key, value in wanted):
        return False
    for each in selector.get("matchExpressions") or []:
        if each["operator"] != "In":
            raise NotImplementedError(f"operator {each['operator']}")
        if labels.get(each["key"]) not in each["values"]:
            return False
    return True


def _known(content: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := set(content) - keys:
        raise NotImplementedError(f"{', '.join(sorted(unknown))} in a NetworkPolicy")
