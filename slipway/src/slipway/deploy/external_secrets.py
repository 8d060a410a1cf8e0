"""Secrets that External Secrets (https://external-secrets.io) copies from AWS Secrets Manager.

An entry is a JSON object whose keys are those of the Secret. The store names no credentials: the controller's own pod has a role
for these entries and no others. Does not belong here: installing the controller (docs/aws.md).
"""

import time
from collections.abc import Mapping, Sequence

from slipway.deploy.errors import DeployError
from slipway.deploy.kubectl import Cluster, Document
from slipway.deploy.secrets import MANAGED_BY
from slipway.progress import Say

STORE = "slipway"
_API = "external-secrets.io/v1"
# As often as the controller looks whether an entry has another value.
_REFRESH = "1h0m0s"
_PATIENCE_SECONDS = 90
_INSTALL = "Install External Secrets; docs/aws.md has the command."


def request(cluster: Cluster, region: str, entries: Mapping[str, str], say: Say) -> list[str]:
    """Have the Secrets of `entries` (Secret: its entry in Secrets Manager) copied; return those that were not there before.

    Raises:
        DeployError: External Secrets is not installed, or could not copy one within a minute and a half; the message has what it
            says of each.
    """
    missing = [name for name in entries if cluster.get("secret", name) is None]
    documents = [_store(region), *(_external(name, entry) for name, entry in entries.items())]
    try:
        cluster.apply(*documents)
    except DeployError as error:
        if "no matches for kind" in str(error):
            raise DeployError(f"{cluster.context} has no External Secrets.", _INSTALL) from None
        raise
    until = time.monotonic() + _PATIENCE_SECONDS
    waiting: Sequence[str] = missing
    while waiting := [name for name in waiting if cluster.get("secret", name) is None]:
        if time.monotonic() > until:
            raise DeployError(
                "External Secrets has not copied:\n"
                + "\n".join(f"    {name} from {entries[name]}: {_said(cluster, name)}" for name in waiting),
                "An entry without a value has to be filled in by somebody: docs/aws.md has the command.",
            )
        say(f"waiting for {', '.join(waiting)}")
        time.sleep(1)
    return missing


def _said(cluster: Cluster, name: str) -> str:
    found = cluster.get("externalsecret.external-secrets.io", name) or {}
    conditions = found.get("status", {}).get("conditions", [])
    said = [each["message"] for each in conditions if each.get("status") != "True" and each.get("message")]
    return "; ".join(said) or "its controller says nothing; does it run?"


def _store(region: str) -> Document:
    return {
        "apiVersion": _API,
        "kind": "SecretStore",
        "metadata": {"name": STORE, "labels": MANAGED_BY},
        "spec": {"provider": {"aws": {"service": "SecretsManager", "region": region}}},
    }


def _external(name: str, entry: str) -> Document:
    return {
        "apiVersion": _API,
        "kind": "ExternalSecret",
        "metadata": {"name": name, "labels": MANAGED_BY},
        "spec": {
            "refreshInterval": _REFRESH,
            "secretStoreRef": {"kind": "SecretStore", "name": STORE},
            # Removing the ExternalSecret by mistake takes no password from running pods.
            "target": {"name": name, "creationPolicy": "Orphan", "deletionPolicy": "Retain"},
            "dataFrom": [{"extract": {"key": entry}}],
        },
    }
