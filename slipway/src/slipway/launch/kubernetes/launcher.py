"""The run launcher of the control plane: a Job per run, and a run's record that says what became of its pod.

On top of Dagster's K8sRunLauncher, whose config it takes unchanged. In the official chart:

    runLauncher: {type: CustomRunLauncher, config: {customRunLauncher: {
      module: slipway.launch.kubernetes, class: SlipwayK8sRunLauncher, config: {...}}}}

Loaded by the daemon and the webserver, and by a run's pod only if that starts step pods (`steps.py`).
"""

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster import DagsterRunStatus, Field
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import get_job_name_from_run_id, get_user_defined_k8s_config

from slipway.launch.kubernetes.causes import POD_DELETED, Cause, explain
from slipway.launch.kubernetes.client import KubernetesClient, KubernetesUnreachableError
from slipway.launch.kubernetes.warm import WarmLane, has_worker
from slipway.launch.stamps import (
    FAILURE_REASON_TAG,
    IMAGE_DIGEST_TAG,
    REVISION_TAG,
    VERSION_TAG,
    code_stamps,
    image_stamp,
)
from slipway.launch.warm import NO_WORKER, WORKER_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster import DagsterRun
    from dagster._core.launcher import LaunchRunContext

# A retry and a re-execution begin with the tags of the run before, and tags can't be taken away.
_INHERITED = {
    FAILURE_REASON_TAG: "none",
    IMAGE_DIGEST_TAG: "unknown",
    REVISION_TAG: "unknown",
    VERSION_TAG: "unknown",
    WORKER_TAG: NO_WORKER,
}
_ONLY_ALLOW_IN_TAGS = (
    "Like only_allow_user_defined_k8s_config_fields, for tags of runs and steps and the config of runs alone. That one is also "
    "about what a code location's release gives its runs, which has to name a ServiceAccount; a tag may not."
)
# For so long after an attempt in vain runs are not asked for: with many of them a pass would last minutes.
_QUIET_SECONDS = 10.0
# What a run is in when run monitoring gives it up for not starting, or not ending.
_NOT_RUNNING = {DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING}


class SlipwayK8sRunLauncher(K8sRunLauncher):
    """Launches runs as Kubernetes Jobs; never gives a run up because the API is out of reach."""

    _api_client: KubernetesClient

    def __init__(
        self, *arguments: Any, only_allow_in_tags: "Mapping[str, Any] | None" = None, **config: Any
    ) -> None:
        super().__init__(*arguments, **config)
        self._only_allow_in_tags = only_allow_in_tags
        self._api_client = KubernetesClient(
            config.get("k8s_client_batch_api"), config.get("k8s_client_core_api")
        )
        self._quiet_until = 0.0

    @cached_property
    def _warm(self) -> WarmLane:
        return WarmLane(self._instance, self._api_client)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the config of Dagster's launcher, and `only_allow_in_tags`."""
        inherited = K8sRunLauncher.config_type()
        like = inherited["only_allow_user_defined_k8s_config_fields"]
        allowed = Field(like.config_type, is_required=False, description=_ONLY_ALLOW_IN_TAGS)
        return {**inherited, "only_allow_in_tags": allowed}

    def get_container_context_for_run(self, dagster_run: "DagsterRun") -> K8sContainerContext:
        """Return what the run's pod is made of; raise if its tags ask for what they may not."""
        tagged = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(dagster_run.tags))
        self.check_tags(tagged)
        return super().get_container_context_for_run(dagster_run)

    def check_tags(self, tagged: K8sContainerContext) -> None:
        """Raise if tags of a run or a step, or a run's config, ask for what they may not."""
        tagged.validate_user_k8s_config_for_run(self._only_allow_in_tags, None)

    def launch_run(self, context: "LaunchRunContext") -> None:
        """Create the run's Job, or give it to a warm worker if it asks for one and there is one.

        Raises:
            DagsterUserCodeUnreachableError: the API or the worker gave no answer; the run goes back into the queue.
        """
        run = context.dagster_run
        self._stamp(run)
        if not self._warm.launch(run, self._namespace(run)):
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """End a run; return whether there was something to end."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not has_worker(run):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        return self._warm.end(run, self._namespace(run))

    def check_run_worker_health(self, run: "DagsterRun") -> CheckRunHealthResult:
        """Tell run monitoring what the run's Job is doing.

        Raises:
            KubernetesUnreachableError: nobody knows. Run monitoring logs it, shows it among the daemon's errors,
                leaves the run alone and asks again; Dagster's own launcher answers UNKNOWN, which fails the run.
        """
        if time.monotonic() < self._quiet_until:
            raise KubernetesUnreachableError(
                f"The Kubernetes API was out of reach a moment ago; {run.run_id} goes on."
            )
        try:
            return self._health(run)
        except KubernetesUnreachableError:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            raise

    def _health(self, run: "DagsterRun") -> CheckRunHealthResult:
        place = self._place(run)
        if has_worker(run):
            return self._health_of_worker(run, place)
        job = self._api_client.read_job(*place)
        if job is not None and not _is_over(job.status):
            self._stamp_image(run, place)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        pods, events = self._api_client.read_pods(*place)
        cause = explain(job, pods, events) or Cause(
            "ContainerExited", "The run's process ended without a word on how the run went."
        )
        if self._blame(run, cause, place):
            self._tag_reason(run, cause)
            self._end_steps(run, place)
        status = WorkerStatus.NOT_FOUND if job is None else WorkerStatus.FAILED
        return CheckRunHealthResult(status, str(cause))

    def _health_of_worker(self, run: "DagsterRun", place: "_Place") -> CheckRunHealthResult:
        cause = self._warm.why_lost(run, place.namespace)
        if cause is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        told = run.tags.get(FAILURE_REASON_TAG) == cause.reason
        if not told and self._blame(run, cause, place):
            self._tag_reason(run, cause)
        if not told and cause.reason == POD_DELETED:
            # The pod's record is gone; its processes may go on where it was deleted by force. The worker reads the tag,
            # and ends the run's before run monitoring looks again and a retry begins.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, str(cause))

    def get_run_worker_debug_info(
        self, run: "DagsterRun", include_container_logs: bool | None = True
    ) -> str | None:
        """Return what is known of the run's pod, the cause first.

        Run monitoring asks when it has decided to end the run, and at no other time. If the run did not start, or not
        end, in its time, its Job is deleted here: else the pod would go on waiting, and run some day
        (https://github.com/dagster-io/dagster/issues/16535, https://github.com/dagster-io/dagster/issues/14833).
        """
        place = self._place(run)
        if has_worker(run):
            cause = self._warm.why_lost(run, place.namespace)
            return str(cause) if cause else None
        cause = self.explain(run)
        lines = [str(cause)] if cause else []
        if run.status in _NOT_RUNNING and cause and self._blame(run, cause, place):
            self._tag_reason(run, cause)
        lines.append(super().get_run_worker_debug_info(run, include_container_logs) or "")
        given_up = run.status in {*_NOT_RUNNING, DagsterRunStatus.CANCELING}
        if given_up and self._api_client.delete_job(*place):
            lines.append(f"Job {place.job_name} was deleted after this was written down.")
        return "\n\n".join(lines)

    def explain(self, run: "DagsterRun") -> Cause | None:
        """Return why the run's pod failed or does not start, as far as Kubernetes says so now; None if all is well."""
        place = self._place(run)
        return explain(self._api_client.read_job(*place), *self._api_client.read_pods(*place))

    def _place(self, run: "DagsterRun") -> "_Place":
        """Return where the run's Job is."""
        attempt = self._get_resume_attempt_number(run)
        name = get_job_name_from_run_id(run.run_id, resume_attempt_number=attempt)
        return _Place(name, self._namespace(run))

    def _namespace(self, run: "DagsterRun") -> str:
        return str(self.get_container_context_for_run(run).namespace)

    def _stamp(self, run: "DagsterRun") -> None:
        """Write down which code a run that is launched runs, and nothing from an earlier run."""
        config = self.get_container_context_for_run(run).run_k8s_config.container_config
        origin = run.job_code_origin
        image = config.get("image") or (origin and origin.repository_origin.container_image) or self.job_image
        inherited = {tag: value for tag, value in _INHERITED.items() if tag in run.tags}
        stamps = {**inherited, **code_stamps(_variables(config)), **image_stamp(image)}
        if stamps:
            self._instance.add_run_tags(run.run_id, stamps)

    def _stamp_image(self, run: "DagsterRun", place: "_Place") -> None:
        """Write down which image the pod really got, if its name didn't tell: once, at the first look."""
        if run.tags.get(IMAGE_DIGEST_TAG, "unknown") != "unknown":
            return
        for pod in self._api_client.read_pods(*place)[0]:
            for container in pod.status.container_statuses or []:
                stamp = image_stamp(container.image_id)
                if container.name == pod.spec.containers[0].name and stamp:
                    self._instance.add_run_tags(run.run_id, stamp)

    def _blame(self, run: "DagsterRun", cause: Cause, place: "_Place") -> bool:
        """Write the cause into the run's log, unless the run came to its end meanwhile; return whether it was."""
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.status != run.status:
            return False
        data = EngineEventData(
            {
                "Reason": cause.reason,
                "Kubernetes Job name": place.job_name,
                "Kubernetes Namespace": place.namespace,
            }
        )
        self._instance.report_engine_event(str(cause), run, data, cls=self.__class__)
        return True

    def _end_steps(self, run: "DagsterRun", place: "_Place") -> None:
        """Delete the Jobs of the run's steps: without its process nobody looks after them, and a retry runs them too.

        Owner references do that when the run's pod is deleted; a pod that was killed is still there.
        """
        if not self._instance.run_will_resume(run.run_id):
            self._api_client.delete_jobs(
                f"dagster/run-id={run.run_id},app.kubernetes.io/component=step_worker", place.namespace
            )

    def _tag_reason(self, run: "DagsterRun", cause: Cause) -> None:
        if not self._instance.run_will_resume(run.run_id):
            self._instance.add_run_tags(run.run_id, {FAILURE_REASON_TAG: cause.reason})


class _Place(NamedTuple):
    """Where a run's Job is; in the order of the client's parameters."""

    job_name: str
    namespace: str


def _is_over(status: Any) -> bool:
    return bool(not status.active and (status.failed or status.succeeded))


def _variables(container_config: "Mapping[str, Any]") -> dict[str, str]:
    """Return the plain environment variables of a container; those from Secrets and ConfigMaps are not known."""
    return {entry["name"]: entry["value"] for entry in container_config.get("env", []) if entry.get("value")}
