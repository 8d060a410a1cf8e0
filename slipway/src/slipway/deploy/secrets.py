"""Secrets of a cluster that has no secret store: made at random, once, in the cluster alone.

Only for environments that ask for it (kind). Everywhere else Secrets come from the cloud's store, and a missing one is an
error that names it. No value is ever printed, written to a file or put into a release's values.
"""

import json
import secrets
from collections.abc import Mapping, Sequence

from slipway.deploy.errors import DeployError
from slipway.deploy.kubectl import Cluster, Document

_BYTES = 24
MANAGED_BY = {"app.kubernetes.io/managed-by": "slipway"}


def generate(cluster: Cluster, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Make those of the `wanted` Secrets (name: keys) that are missing; return the names of those that were made.

    One that is there is left alone, also if it was made by hand: running servers have its values.

    Raises:
        DeployError: a Secret that is there lacks a key.
    """
    made = []
    for name, keys in wanted.items():
        found = cluster.get("secret", name)
        if found is None:
            cluster.run("create", "-f", "-", given=json.dumps(_secret(name, keys)))
            made.append(name)
        else:
            _require(name, keys, found)
    return made


def require_all(cluster: Cluster, wanted: Mapping[str, Sequence[str]]) -> None:
    """Check that each of the `wanted` Secrets is there with all of its keys.

    Raises:
        DeployError: one is missing, or lacks a key.
    """
    for name, keys in wanted.items():
        found = cluster.get("secret", name)
        if found is None:
            raise DeployError(
                f"The Secret {name} is not in the namespace {cluster.namespace}.",
                f"Make it with the keys {', '.join(keys)}, from your secret store (docs/deploy.md).",
            )
        _require(name, keys, found)


def _require(name: str, keys: Sequence[str], found: Document) -> None:
    """Check that a Secret has its keys.

    Raises:
        DeployError: it lacks one; the message names all that it lacks.
    """
    if missing := [key for key in keys if key not in found.get("data", {})]:
        raise DeployError(
            f"The Secret {name} lacks {', '.join(missing)}.",
            "Add the key; or delete the Secret where nothing uses it yet, and it is made anew.",
        )


def _secret(name: str, keys: Sequence[str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": MANAGED_BY},
        "type": "Opaque",
        "stringData": {key: secrets.token_hex(_BYTES) for key in keys},
    }
