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

from slipway.launch.kubernetes.causes import POD_DELETED, Cause, explain_pod
from slipway.launch.kubernetes.client import KubernetesClient, KubernetesUnreachableError
from slipway.launch.stamps import image_stamp
from slipway.launch.warm import NO_WORKER, WARM_TAG, WORKER_TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterInstance, DagsterRun

LANE_LABEL = "slipway/warm-lane"
_CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Worker:
    """A pod that takes runs."""

    name: str
    host: str
    port: int
    image_id: str | None

    @property
    def client(self) -> DagsterGrpcClient:
        """What speaks to it; nothing is sent yet."""
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
        why_not = self._give(run, self._ready(run, namespace))
        if why_not:
            self._instance.report_engine_event(
                f"No warm worker takes the run ({why_not}): it gets a pod.", run, cls=type(self)
            )
        return why_not is None

    def _give(self, run: "DagsterRun", workers: "Sequence[Worker]") -> str | None:
        """Give a run to the first of `workers` that takes it; return None if one has it, and why none takes it else.

        Raises:
            DagsterUserCodeUnreachableError: as of `launch`.
        """
        refusals = []
        for worker in workers:
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
            return None
        self._instance.add_run_tags(run.run_id, {WORKER_TAG: NO_WORKER})
        return "; ".join(refusals) or f"{_location(run)} has none"

    def _ready(self, run: "DagsterRun", namespace: str) -> list[Worker]:
        """Return the workers of a run's location that are ready, the newest first: during an update that is the new code.

        Raises:
            KubernetesUnreachableError: nobody knows.
        """
        pods = self._api.find_pods(f"{LANE_LABEL}={_location(run)}", namespace)
        ready = [pod for pod in pods if _is_ready(pod)]
        ready.sort(key=lambda pod: pod.metadata.creation_timestamp, reverse=True)
        return [_worker(pod) for pod in ready]

    def why_lost(self, run: "DagsterRun", namespace: str) -> Cause | None:
        """Return what became of the run's process, or None if it is there.

        Raises:
            KubernetesUnreachableError: nobody knows.
        """
        name = run.tags[WORKER_TAG]
        pod = self._api.read_pod(name, namespace)
        if pod is None:
            return Cause(POD_DELETED, f"The warm worker {name}, which had the run, is gone.")
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


def has_worker(run: "DagsterRun") -> bool:
    """Whether a worker has the run, or had it."""
    return run.tags.get(WORKER_TAG, NO_WORKER) != NO_WORKER


def _location(run: "DagsterRun") -> str:
    return run.remote_job_origin.location_name if run.remote_job_origin else ""


def _is_ready(pod: Any) -> bool:
    conditions = {each.type: each.status for each in pod.status.conditions or []}
    return not pod.metadata.deletion_timestamp and conditions.get("Ready") == "True"


def _worker(pod: Any) -> Worker:
    statuses = pod.status.container_statuses or []
    port = pod.spec.containers[0].ports[0].container_port
    return Worker(pod.metadata.name, str(pod.status.pod_ip), port, statuses[0].image_id if statuses else None)
