"""A code location's warm worker: the Deployment that its release has besides what the official chart makes.

As `warm` in the location's values asks for it (docs/launching.md); made from what the code server and the runs have, so that a run there
finds what it would find in a pod of its own. Does not belong here: what a worker does (`slipway.launch.warm`).
"""

from collections.abc import Mapping
from typing import Any

from slipway.deploy.errors import DeployError

_IMAGE = "{{ with (index .Values.deployments 0).image }}{{ .repository }}:{{ .tag }}{{ end }}"
_KNOWN = {"places", "onRequest", "graceSeconds", "resources", "replicas"}
# More than runs are given to end after they are interrupted.
_AFTER_GRACE_SECONDS = 60


def worker(
    values: Mapping[str, Any],
    deployment: Mapping[str, Any],
    warm: Mapping[str, Any],
    affinity: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the worker's Deployment, whose image the chart fills in.

    `deployment` is the item of the chart's `deployments`, `affinity` that of the location's runs.

    Raises:
        DeployError: `warm` has a setting that there is not, or lacks `places`.
    """
    unknown = set(warm) - _KNOWN
    if unknown or not warm.get("places"):
        raise DeployError(
            f"`warm` of the code location {deployment['name']} {f'has no {min(unknown)}' if unknown else 'lacks places'}.",
            f"It has {', '.join(sorted(_KNOWN))}.",
        )
    name = f"{deployment['name']}-warm"
    location = _option(deployment["dagsterApiGrpcArgs"], "--location-name")
    labels = {
        "app.kubernetes.io/name": "warm-worker",
        "app.kubernetes.io/instance": "{{ .Release.Name }}",
        # Of network policies (helm/platform), as the next two: it may reach what the location's runs reach.
        "component": "warm-worker",
        "deployment": name,
        "dagster/code-location": location,
        "slipway/warm-lane": location,
    }
    grace = int(warm.get("graceSeconds", 600))
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": warm.get("replicas", 1),
            "strategy": deployment.get("deploymentStrategy", {}),
            "selector": {"matchLabels": {"deployment": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": values.get("serviceAccount", {}).get("name"),
                    "automountServiceAccountToken": False,
                    "securityContext": deployment.get("podSecurityContext", {}),
                    "terminationGracePeriodSeconds": grace + _AFTER_GRACE_SECONDS,
                    "containers": [_container(values, deployment, warm, grace)],
                    "volumes": deployment.get("volumes", []),
                    "affinity": affinity,
                },
            },
        },
    }


def _container(
    values: Mapping[str, Any], deployment: Mapping[str, Any], warm: Mapping[str, Any], grace: int
) -> dict[str, Any]:
    port = deployment["port"]
    password = {"secretKeyRef": {"name": values["postgresqlSecretName"], "key": "postgresql-password"}}
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 5, "failureThreshold": 6}
    options = ["--port", str(port), "--places", str(warm["places"]), "--grace-seconds", str(grace)]
    for job in warm.get("onRequest", []):
        options += ["--on-request", job]
    return {
        "name": "warm-worker",
        "image": _IMAGE,
        "imagePullPolicy": deployment.get("image", {}).get("pullPolicy"),
        "command": ["python", "-m", "slipway.launch.warm"],
        "args": [*deployment["dagsterApiGrpcArgs"], *options],
        "ports": [{"containerPort": port}],
        "env": [
            {"name": "DAGSTER_CURRENT_IMAGE", "value": _IMAGE},
            {"name": "DAGSTER_PG_PASSWORD", "valueFrom": password},
            *deployment.get("env", []),
        ],
        "envFrom": [
            *({"configMapRef": each} for each in deployment.get("envConfigMaps", [])),
            *({"secretRef": each} for each in deployment.get("envSecrets", [])),
        ],
        "securityContext": deployment.get("securityContext", {}),
        "resources": warm.get("resources", {}),
        "volumeMounts": deployment.get("volumeMounts", []),
        "readinessProbe": probe,
        "livenessProbe": {**probe, "periodSeconds": 20},
        # It loads the definitions twice before it listens.
        "startupProbe": {**probe, "periodSeconds": 2, "failureThreshold": 150},
    }


def _option(arguments: list[str], name: str) -> str:
    if name not in arguments:
        raise DeployError(f"A location with a warm worker has {name} in deployment.dagsterApiGrpcArgs.")
    return arguments[arguments.index(name) + 1]
