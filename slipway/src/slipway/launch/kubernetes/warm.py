"""The warm lane, on the side of the control plane: gives a run to a standing worker of its code location, and looks after it there.

Workers are pods with the label `slipway/warm-lane`, whose value is the location's name. Does not belong here: the worker
(`slipway.launch.warm`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CancelExecutionRequest, CancelExecutionResult, GetCurrentRunsResult
from dagster._serdes import deserialize_value

from slipway.launch.kubernetes.causes import Cause, explain_pod
from slipway.launch.kubernetes.client import KubernetesClient, KubernetesUnreachableError
from slipway.launch.stamps import image_stamp
from slipway.launch.warm import NO_WORKER, WARM_TAG, WORKER_TAG

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

LANE_LABEL = "slipway/warm-lane"
_CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class _Worker:
    """A pod that takes runs."""

    name: str
    host: str
    port: int
    image_id: str | None

    @property
    def client(self) -> DagsterGrpcClient:
        return DagsterGrpcClient(host=self.host, port=self.port)

    def listens(self) -> bool:
        """Whether it can be connected to: whatever is sent before may have been done."""
        with grpc.insecure_channel(f"{self.host}:{self.port}") as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
            except grpc.FutureTimeoutError:
                return False
            return True


class WarmLane:
    """Runs in standing workers of one namespace."""

    def __init__(self, instance: "DagsterInstance", api: KubernetesClient) -> None:
        self._instance = instance
        self._api = api

    def launch(self, run: "DagsterRun", namespace: str) -> bool:
        """Give a run that asks for it to a worker; return whether one has it. If none, it needs a pod of its own.

        Raises:
            DagsterUserCodeUnreachableError: a worker may have it, and did not answer: the run goes back into the queue. If it has
                begun meanwhile, the daemon leaves it alone.
            KubernetesUnreachableError: nobody knows which workers there are; the run goes back into the queue.
        """
        if run.tags.get(WARM_TAG) != "true":
            return False
        location = run.remote_job_origin.location_name if run.remote_job_origin else ""
        refusals = []
        for worker in self._workers(location, namespace):
            if not worker.listens():
                refusals.append(f"{worker.name} does not answer")
                continue
            self._instance.add_run_tags(run.run_id, {WORKER_TAG: worker.name, **image_stamp(worker.image_id)})
            try:
                DefaultRunLauncher.launch_run_from_grpc_client(self._instance, run, worker.client)
            except DagsterLaunchFailedError as refused:
                refusals.append(f"{worker.name}: {refused}")
                continue
            self._instance.report_engine_event(
                f"The warm worker {worker.name} has the run.", run, cls=type(self)
            )
            return True
        why = "; ".join(refusals) or f"{location} has none"
        self._instance.report_engine_event(
            f"No warm worker takes the run ({why}): it gets a pod.", run, cls=type(self)
        )
        self._instance.add_run_tags(run.run_id, {WORKER_TAG: NO_WORKER})
        return False

    def why_lost(self, run: "DagsterRun", namespace: str) -> Cause | None:
        """Return what became of the run's process, or None if it is there.

        Raises:
            KubernetesUnreachableError: nobody knows.
        """
        name = run.tags[WORKER_TAG]
        pod = self._api.read_pod(name, namespace)
        if pod is None:
            return Cause("PodDeleted", f"The warm worker {name}, which had the run, is gone.")
        if pod.status.phase in {"Succeeded", "Failed"}:
            return explain_pod(pod) or Cause(
                "ContainerExited", f"The warm worker {name}, which had the run, has ended."
            )
        worker = _worker(pod)
        try:
            found = deserialize_value(worker.client.get_current_runs(), GetCurrentRunsResult)
        except DagsterUserCodeUnreachableError as error:
            # Its pod is there: either it answers some day, or the kubelet starts it anew and it answers then.
            raise KubernetesUnreachableError(f"The warm worker {name} does not answer: {error}") from error
        if run.run_id in found.current_runs:
            return None
        return explain_pod(pod) or Cause(
            "ContainerExited", f"The warm worker {name} was started anew, and has the run no more."
        )

    def end(self, run: "DagsterRun", namespace: str) -> bool:
        """Have the run's worker interrupt it; return whether there was something to interrupt."""
        pod = self._api.read_pod(run.tags[WORKER_TAG], namespace)
        if pod is None:
            return False
        request = CancelExecutionRequest(run_id=run.run_id)
        answer = deserialize_value(_worker(pod).client.cancel_execution(request), CancelExecutionResult)
        return bool(answer.success)

    def _workers(self, location: str, namespace: str) -> list[_Worker]:
        """Return the workers of a location that are ready, the newest first: during an update that is the new code."""
        pods = [pod for pod in self._api.find_pods(f"{LANE_LABEL}={location}", namespace) if _is_ready(pod)]
        pods.sort(key=lambda pod: pod.metadata.creation_timestamp, reverse=True)
        return [_worker(pod) for pod in pods]


def has_worker(run: "DagsterRun") -> bool:
    """Whether a worker has the run, or had it."""
    return run.tags.get(WORKER_TAG, NO_WORKER) != NO_WORKER


def _is_ready(pod: Any) -> bool:
    conditions = {each.type: each.status for each in pod.status.conditions or []}
    return not pod.metadata.deletion_timestamp and conditions.get("Ready") == "True"


def _worker(pod: Any) -> _Worker:
    statuses = pod.status.container_statuses or []
    port = pod.spec.containers[0].ports[0].container_port
    return _Worker(
        pod.metadata.name, str(pod.status.pod_ip), port, statuses[0].image_id if statuses else None
    )
