"""Why a release's pods are not ready: their containers' states, their events, the ends of their logs.

Printed when a deployment fails, before anything is rolled back: after that the guilty pods are gone.
Does not belong here: what is done about it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from slipway.deploy.kubectl import Cluster, Document

LOG_LINES = 15
_EVENTS = 5
# The first crashes may be those of a server that waits for another one.
_CRASHES = 4
_NO_RUN = "app.kubernetes.io/component notin (run_worker, step_worker)"


def unready(cluster: Cluster, release: str) -> str:
    """Return what is known of the pods of `release` that are not ready, a paragraph each; empty if all are."""
    pods = pods_of(cluster, release)
    return "\n\n".join(_paragraph(cluster, pod) for pod in pods if not is_ready(pod))


def pods_of(cluster: Cluster, release: str) -> list[Document]:
    """Return the pods of a release, by the label that its chart gives them; without runs, whose launcher copies it."""
    return cluster.find("pods", f"app.kubernetes.io/instance={release},{_NO_RUN}")


def is_ready(pod: Document) -> bool:
    """Whether a pod is ready, or has ended well."""
    status = pod["status"]
    if status.get("phase") == "Succeeded":
        return True
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))


def hopeless(pods: Iterable[Document]) -> str | None:
    """Return why one of `pods` won't become ready by waiting, or None: its image can't be had, or it crashes again and again."""
    for pod in pods:
        for status in _container_statuses(pod):
            waiting = status["state"].get("waiting", {}).get("reason", "")
            image_missing = waiting in ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
            crashes = waiting == "CrashLoopBackOff" and status.get("restartCount", 0) >= _CRASHES
            refused = waiting in ("CreateContainerConfigError", "CreateContainerError")
            if image_missing or crashes or refused:
                return f"{pod['metadata']['name']}: {status['name']}: {_state(status)}"
    return None


def progress(pods: Iterable[Document]) -> str:
    """Return how many of `pods` are ready."""
    states = [is_ready(pod) for pod in pods]
    return f"{sum(states)} of {len(states)} pods ready"


def _paragraph(cluster: Cluster, pod: Document) -> str:
    name = pod["metadata"]["name"]
    lines = [f"{name} is {pod['status'].get('phase', 'Unknown')}", *_unscheduled(pod)]
    for status in _container_statuses(pod):
        if status.get("ready"):
            continue
        lines.append(f"  {status['name']}: {_state(status)}")
        lines += [f"    | {line}" for line in _log(cluster, name, status)]
    lines += [f"  event: {event['reason']}: {event['message']}" for event in _warnings(cluster, name)]
    return "\n".join(lines)


def _unscheduled(pod: Document) -> list[str]:
    conditions = pod["status"].get("conditions", [])
    return [
        f"  not scheduled: {each.get('message', each.get('reason', ''))}"
        for each in conditions
        if each["type"] == "PodScheduled" and each["status"] == "False"
    ]


def _container_statuses(pod: Document) -> Iterator[dict[str, Any]]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for status in pod["status"].get(kind, []):
            # A finished init container is never ready, and well.
            ended = status["state"].get("terminated", {})
            if kind == "containerStatuses" or ended.get("exitCode") != 0:
                yield status


def _state(status: dict[str, Any]) -> str:
    (name, detail), *_ = status["state"].items() or [("unknown", {})]
    before = status.get("lastState", {}).get("terminated")
    said = " ".join(filter(None, [detail.get("reason", name), detail.get("message", "")]))
    if "exitCode" in detail:
        said += f" (exit code {detail['exitCode']})"
    if before:
        said += f"; {status.get('restartCount', 0)} restarts, the last after {before.get('reason', '')} "
        said += f"(exit code {before.get('exitCode')})"
    return said


def _log(cluster: Cluster, pod: str, status: dict[str, Any]) -> list[str]:
    # Between two attempts the container that says why is the one before.
    waits = "waiting" in status["state"]
    if waits and not status.get("restartCount"):
        return []
    return cluster.logs(pod, status["name"], LOG_LINES, previous=waits).splitlines()


def _warnings(cluster: Cluster, pod: str) -> list[Document]:
    about = cluster.events(pod)
    warnings = [event for event in about if event.get("type") == "Warning"]
    return warnings[-_EVENTS:]
