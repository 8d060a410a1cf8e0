"""Why a Job's pod failed, or doesn't start, in Kubernetes's own terms.

Reads objects that were fetched by others; asks nothing. The sources of the terms: the states and conditions of
pods (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/,
https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions) and the waiting reasons
of the kubelet (pkg/kubelet/images/types.go, pkg/kubelet/kuberuntime/kuberuntime_container.go).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

POD_DELETED = "PodDeleted"
_SIGKILL = 137
_IMAGE = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_CONTAINER = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "StartError",
    "ContainerCannotRun",
    "CrashLoopBackOff",
}
# Why Kubernetes itself ended a pod: the reasons of the condition DisruptionTarget.
_DISRUPTIONS = {
    "PreemptionByScheduler": "Preempted",
    "DeletionByTaintManager": "Evicted",
    "EvictionByEvictionAPI": "Evicted",
    "DeletionByPodGC": "NodeLost",
    "TerminationByKubelet": "Evicted",
}
# Reasons of a whole pod, set by the kubelet or the node controller.
_POD_REASONS = {
    "Evicted": "Evicted",
    "Preempting": "Preempted",
    "NodeLost": "NodeLost",
    "NodeShutdown": "NodeShutdown",
    "Terminated": "NodeShutdown",
    "NodeAffinity": "Unschedulable",
    "DeadlineExceeded": "DeadlineExceeded",
}


@dataclass(frozen=True)
class Cause:
    """Why: a word for a tag, and a sentence for people."""

    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def explain(job: Any, pods: Sequence[Any], events: Sequence[Any] = ()) -> Cause | None:
    """Return why this Job's run is not getting on, or None if nothing is known to be wrong.

    `job` is a V1Job or None if there is none any more, `pods` are its V1Pods, and `events` (CoreV1Event) those of
    the Job and its pods.
    """
    if job is None:
        return Cause("JobDeleted", "Its Kubernetes Job is gone; somebody or something deleted it.")
    for pod in sorted(pods, key=lambda pod: pod.metadata.creation_timestamp, reverse=True):
        found = explain_pod(pod)
        if found:
            return found
    if not pods:
        return _without_pods(job, events)
    return None


def _without_pods(job: Any, events: Sequence[Any]) -> Cause | None:
    """Return why a Job has no pod: it was ended, its pod deleted, or none may be made (quota, policy, account)."""
    for condition in (job.status and job.status.conditions) or []:
        if (
            condition.type == "Failed"
            and condition.status == "True"
            and condition.reason == "DeadlineExceeded"
        ):
            return Cause("DeadlineExceeded", condition.message)
    for event in reversed(events):
        if event.reason == "FailedCreate":
            return Cause("PodForbidden", f"Kubernetes refuses its pod. {event.message}")
    if job.status and job.status.failed:
        killed = next((event.message for event in reversed(events) if event.reason in _EVENTS), None)
        return Cause(POD_DELETED, killed or "Its pod was deleted, with its node or by somebody.")
    return None


# What is told of a pod that is gone already.
_EVENTS = {"Evicted", "Preempted", "TaintManagerEviction", "NodeNotReady", "DeletingNode", "Killing"}


def explain_pod(pod: Any) -> Cause | None:
    """Return why this pod (V1Pod) failed, doesn't start, or had to be started again; None if nothing is known to be wrong."""
    status = pod.status
    for look in (_disruption, _pod_reason, _unschedulable, _container_cause, _restart_cause):
        found = look(pod, status)
        if found:
            return found
    return None


def _disruption(_pod: Any, status: Any) -> Cause | None:
    for condition in status.conditions or []:
        if condition.type == "DisruptionTarget" and condition.status == "True":
            reason = _DISRUPTIONS.get(condition.reason, condition.reason)
            return Cause(reason, _sentence(condition.message or condition.reason))
    return None


def _pod_reason(_pod: Any, status: Any) -> Cause | None:
    if not status.reason:
        return None
    return Cause(_POD_REASONS.get(status.reason, status.reason), _sentence(status.message or status.reason))


def _unschedulable(_pod: Any, status: Any) -> Cause | None:
    for condition in status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return Cause("Unschedulable", _sentence(condition.message or condition.reason))
    return None


def _container_cause(pod: Any, status: Any) -> Cause | None:
    for container in _statuses(status):
        state = container.state
        if state and state.waiting and state.waiting.reason in _IMAGE:
            message = _sentence(state.waiting.message or state.waiting.reason)
            return Cause("ImagePullError", f"{state.waiting.reason} of {container.image}. {message}")
        if state and state.waiting and state.waiting.reason in _CONTAINER:
            return Cause(
                "ContainerError", f"{state.waiting.reason}. {_sentence(state.waiting.message or '')}"
            )
        if state and state.terminated and state.terminated.exit_code != 0:
            return _exit_cause(pod, container.name, state.terminated)
    return None


def _restart_cause(pod: Any, status: Any) -> Cause | None:
    for container in status.container_statuses or []:
        ended = container.last_state and container.last_state.terminated
        if ended and ended.exit_code != 0:
            return _exit_cause(pod, container.name, ended)
    return None


def _exit_cause(pod: Any, container: str, ended: Any) -> Cause:
    if ended.reason in _CONTAINER:
        return Cause("ContainerError", f"{ended.reason}. {_sentence(ended.message or '')}")
    limit = _memory_limit(pod, container)
    more = f"its memory limit of {limit}" if limit else "the node's memory; it has no memory limit"
    if ended.reason == "OOMKilled":
        return Cause("OOMKilled", f"Container {container} used more than {more}.")
    # Not every container runtime tells the kubelet. From outside only root on the node can do the same.
    if ended.exit_code == _SIGKILL and not pod.metadata.deletion_timestamp and limit:
        killed = f"Container {container} was killed (exit code {_SIGKILL}) by nobody in Kubernetes"
        return Cause("OOMKilled", f"{killed}: most likely it used more than {more}.")
    said = f" {_sentence(ended.message)}" if ended.message else ""
    return Cause("ContainerExited", f"Container {container} ended with exit code {ended.exit_code}.{said}")


def _statuses(status: Any) -> Iterator[Any]:
    yield from status.init_container_statuses or []
    yield from status.container_statuses or []


def _memory_limit(pod: Any, name: str) -> str | None:
    for container in [*(pod.spec.init_containers or []), *(pod.spec.containers or [])]:
        if container.name == name and container.resources and container.resources.limits:
            return str(container.resources.limits.get("memory") or "") or None
    return None


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
