"""The values of a code location's release, composed of files that say only what differs.

Helm replaces lists as a whole, and the official chart takes a code location as an item of the list `deployments`: an
environment that gives a location more memory would have to repeat everything else. So these files, and no others, are merged
here: later ones go first, mappings are merged, `null` removes. Besides the chart's own values they have

- `deployment`: the one item of the chart's `deployments`. Its lists of named things (`env`, `volumes` ...) are written as
  mappings from the name.
- `runs`: what only the pods of runs get, as Dagster's container context for Kubernetes spells it (`resources`,
  `run_k8s_config` ...), and `env` as of `deployment`, after its variables. The official chart gives runs the code server's
  resources and, always, a token of the Kubernetes API.
- `warm`: a standing worker for interactive runs, with so many `places` (`slipway.deploy.warm`). None without it.

Does not belong here: values of other releases, which helm merges.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from slipway.deploy.errors import DeployError
from slipway.deploy.warm import worker

Values = dict[str, Any]
CONTEXT_VARIABLE = "DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"
# What an item has besides its name, where the file has no mapping but a single value.
_NAMED = {
    "env": "value",
    "volumes": None,
    "volumeMounts": "mountPath",
    "envConfigMaps": None,
    "envSecrets": None,
}


def composed(files: Iterable[Path]) -> Values:
    """Return the values that the official chart takes.

    Raises:
        DeployError: a file is no mapping, or `deployment` is missing or not what it has to be.
    """
    values: Values = {}
    read: list[str] = []
    for file in files:
        content = yaml.safe_load(file.read_text()) or {}
        if not isinstance(content, dict):
            raise DeployError(f"{file} is no mapping.")
        values = merged(values, content)
        read.append(str(file))
    deployment, runs, warm = values.pop("deployment", None), values.pop("runs", {}), values.pop("warm", None)
    if not isinstance(deployment, dict) or "deployments" in values:
        raise DeployError(
            f"{', '.join(read)}: a code location's values have `deployment`, and no `deployments`.",
            "charts-values/code-locations/common.yaml is an example.",
        )
    for key, field in _NAMED.items():
        if key in deployment:
            deployment[key] = _listed(key, deployment[key], field)
    deployment["includeConfigInLaunchedRuns"] = {"enabled": False}
    if warm:
        # A volume that one node can have at a time is where runs have to be, and the worker.
        affinity = runs.get("run_k8s_config", {}).get("pod_spec_config", {}).get("affinity", {})
        made = worker(values, deployment, warm, affinity)
        values["extraManifests"] = [*values.get("extraManifests", []), made]
    context = _context(deployment, runs, values.get("serviceAccount", {}).get("name"))
    deployment["env"] = [*deployment.get("env", []), {"name": CONTEXT_VARIABLE, "value": _literal(context)}]
    return {**values, "deployments": [deployment]}


def merged(onto: Mapping[str, Any], other: Mapping[str, Any]) -> Values:
    """Return `onto` with what `other` says: mappings are merged, anything else replaced, None removed."""
    result = dict(onto)
    for key, value in other.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def _listed(key: str, items: Any, field: str | None) -> list[Values]:
    if not isinstance(items, dict):
        raise DeployError(f"deployment.{key} of a code location is a mapping from names, and not a list.")
    listed = []
    for name, item in items.items():
        if isinstance(item, dict):
            listed.append({"name": name, **item})
        elif field:
            listed.append({"name": name, field: str(item)})
        else:
            raise DeployError(f"deployment.{key}.{name} of a code location is a mapping.")
    return listed


def _context(deployment: Values, runs: Values, account: str | None) -> Values:
    """Return the container context of runs: what the code server has, less its resources, and what `runs` adds."""
    context = {
        "image_pull_policy": deployment.get("image", {}).get("pullPolicy"),
        "service_account_name": account,
        "env_config_maps": [each["name"] for each in deployment.get("envConfigMaps", [])],
        "env_secrets": [each["name"] for each in deployment.get("envSecrets", [])],
        "env": deployment.get("env"),
        "volumes": deployment.get("volumes"),
        "volume_mounts": deployment.get("volumeMounts"),
        "labels": deployment.get("labels"),
    }
    runs = dict(runs)
    if own := runs.pop("env", None):
        context["env"] = [*(context["env"] or []), *_listed("env", own, _NAMED["env"])]
    return {"k8s": merged({key: value for key, value in context.items() if value}, runs)}


def _literal(context: Values) -> str:
    """Return it as Kubernetes leaves it alone.

    It would put the value of a variable where `$(NAME)` stands: a password, which would then be in the code server's
    answers and in the Job of every run.
    """
    return json.dumps(context, sort_keys=True).replace("$(", "$$(")
