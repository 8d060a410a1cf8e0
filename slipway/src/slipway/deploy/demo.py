"""The demo's data in a cluster: the demo command of each code location, once, in a Job of the location's own image.

Only for environments that ask for it (kind). The Job is what the location's code server is, with another command and, for
locations that read a database which they don't own, that database as its owner.

Does not belong here: what the demo commands write (each location's `demo` module).
"""

import copy
import time
from collections.abc import Callable, Sequence

from slipway.deploy.diagnosis import LOG_LINES
from slipway.deploy.errors import DeployError
from slipway.deploy.kubectl import Cluster, Document
from slipway.deploy.releases import Demo, Release
from slipway.local.programs import DEMO_URL_VARIABLE

_PASSWORD_VARIABLE = "SLIPWAY_DEMO_PASSWORD"  # noqa: S105 - a name
_SECONDS = 600
_POLL_SECONDS = 1.0
Say = Callable[[str], None]


def load(cluster: Cluster, release: Release, command: Sequence[str], say: Say) -> bool:
    """Run the demo command of a location's release unless that was done; return whether it was necessary.

    Raises:
        DeployError: there is no code server to take the image from, or the command failed; the message has its log.
    """
    name = f"{release.name}-demo"
    found = cluster.get("job", name)
    if found and _ended(found) == "Complete":
        return False
    if found:
        cluster.run("delete", "job", name, "--wait")
    cluster.apply(job(name, _code_server(cluster, release), command, release.demo))
    _wait(cluster, name, say)
    return True


def job(name: str, deployment: Document, command: Sequence[str], demo: Demo | None) -> Document:
    """Return the Job: the pod of a code server's `deployment` with another command."""
    pod = copy.deepcopy(deployment["spec"]["template"]["spec"])
    (container,) = pod["containers"]
    for key in ("args", "ports", "readinessProbe", "livenessProbe", "startupProbe"):
        container.pop(key, None)
    container["command"] = list(command)
    container["env"] = [*container.get("env", []), *_owner(demo)]
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "slipway"}
    # What may be reached is allowed to a location's pods by these.
    labels |= {key: deployment["spec"]["template"]["metadata"]["labels"][key] for key in _KEPT}
    pod |= {"restartPolicy": "Never", "automountServiceAccountToken": False}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {"backoffLimit": 2, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


# Not `component: user-deployments`: the Service of the code server must not find this pod.
_KEPT = ("app.kubernetes.io/instance",)


def _owner(demo: Demo | None) -> list[Document]:
    if demo is None:
        return []
    reference = {"secretKeyRef": {"name": demo.secret, "key": demo.key}}
    url = demo.url.replace("{password}", f"$({_PASSWORD_VARIABLE})")
    return [
        {"name": _PASSWORD_VARIABLE, "valueFrom": reference},
        {"name": DEMO_URL_VARIABLE, "value": url},
    ]


def _code_server(cluster: Cluster, release: Release) -> Document:
    found = cluster.find("deployment", f"app.kubernetes.io/instance={release.name}")
    if not found:
        raise DeployError(f"The release {release.name} has no code server.", "Deploy it first.")
    return found[0]


def _ended(job: Document) -> str | None:
    for condition in job.get("status", {}).get("conditions", []):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return str(condition["type"])
    return None


def _wait(cluster: Cluster, name: str, say: Say) -> None:
    deadline = time.monotonic() + _SECONDS
    ended = None
    while ended is None:
        found = cluster.get("job", name)
        ended = _ended(found) if found else "Failed"
        log = _log(cluster, name, 1)
        if log:
            say(log)
        if time.monotonic() > deadline:
            ended = "Failed"
        time.sleep(_POLL_SECONDS)
    if ended == "Failed":
        raise DeployError(
            f"The demo data of the Job {name} could not be loaded:\n{_log(cluster, name, LOG_LINES)}",
            "Correct the cause and deploy again.",
        )


def _log(cluster: Cluster, name: str, lines: int) -> str:
    pods = cluster.find("pods", f"job-name={name}")
    return "\n".join(
        cluster.logs(pod["metadata"]["name"], pod["spec"]["containers"][0]["name"], lines).strip()
        for pod in pods[-1:]
    )
