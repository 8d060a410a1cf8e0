"""Steps as Kubernetes Jobs: what the executors of `step_pods.py` and of the queue's lane are made of."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepDelegatingExecutor
from dagster_k8s import K8sRunLauncher
from dagster_k8s import k8s_job_executor as dagsters_executor
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import K8sStepHandler
from dagster_k8s.job import UserDefinedDagsterK8sConfig, get_user_defined_k8s_config

from slipway.launch.kubernetes.causes import explain
from slipway.launch.kubernetes.client import KubernetesClient, KubernetesUnreachableError
from slipway.launch.kubernetes.launcher import SlipwayK8sRunLauncher
from slipway.launch.stamps import stamp_run
from slipway.launch.step_pods import sleep_seconds

if TYPE_CHECKING:
    from dagster._core.executor.step_delegating.step_handler.base import StepHandlerContext

STEP_FAILURE_REASON_TAG = "slipway/step_failure_reason"
"""Why a step of the run lost its pod last. Another tag than the run's own: the step may have been repeated."""
HEALTH_SECONDS = 5
"""Between two looks whether a step's pod is alive. Dagster's own is 20."""


def step_delegating_executor(context: dg.InitExecutorContext) -> StepDelegatingExecutor:
    """Return the executor of a run whose steps are Jobs."""
    return executor_over(context, SlipwayStepHandler)


def executor_over(
    context: dg.InitExecutorContext, handler: "type[SlipwayStepHandler]", **settings: Any
) -> StepDelegatingExecutor:
    """Return an executor over a kind of step handler, configured as Dagster's `k8s_job_executor` is."""
    config: dict[str, Any] = {"enable_owner_references": True, **context.executor_config}
    config["step_k8s_config"] = _checked(config["step_k8s_config"])
    config["per_step_k8s_config"] = {op: _checked(of) for op, of in config["per_step_k8s_config"].items()}
    made = dagsters_executor.executor_creation_fn(context._replace(executor_config=config))  # type: ignore[misc]
    stock = cast("StepDelegatingExecutor", made)
    return StampingExecutor(
        handler.like(cast("K8sStepHandler", stock._step_handler), **settings),  # noqa: SLF001 - its config, read once
        retries=stock.retries,
        sleep_seconds=sleep_seconds(),
        check_step_health_interval_seconds=HEALTH_SECONDS,
        max_concurrent=stock._max_concurrent,  # noqa: SLF001
        tag_concurrency_limits=stock._tag_concurrency_limits,  # noqa: SLF001
        should_verify_step=True,
        step_dependency_config=stock.step_dependency_config,
    )


class StampingExecutor(StepDelegatingExecutor):
    """Dagster's executor of steps elsewhere; writes down which code the run is in."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Any:
        """Yield the events of the steps."""
        stamp_run(plan_context.instance, plan_context.dagster_run)
        yield from super().execute(plan_context, execution_plan)


class SlipwayStepHandler(K8sStepHandler):
    """Launches a step as a Job; keeps it within the launcher's bounds, and says why its pod was lost."""

    OUT_OF_REACH: ClassVar[tuple[type[Exception], ...]] = (KubernetesUnreachableError,)
    """What a step waits for the end of. An executor ends its run, and all steps of it, at whatever else `launch_step` raises."""

    _api_client: KubernetesClient
    _unmade: set[str]

    @classmethod
    def like(cls, other: K8sStepHandler, **settings: Any) -> "SlipwayStepHandler":
        """Return a handler with the configuration of another; `settings` are its further attributes, `_api_client` a maker."""
        made = cls.__new__(cls)
        client = settings.pop("_api_client", KubernetesClient)
        made.__dict__.update(other.__dict__, _api_client=client(), _unmade=set(), **settings)
        return made

    def _get_container_context(self, step_handler_context: "StepHandlerContext") -> K8sContainerContext:
        """Return what the step's pod is made of.

        Dagster's own checks the launcher's allow list for the run's tags, and not for the tags of steps or the
        run's config. This is a rail, not a wall: the run's own code may use its ServiceAccount as it likes.
        """
        launcher = cast("K8sRunLauncher", step_handler_context.instance.run_launcher)
        step_key = self._get_step_key(step_handler_context)
        op_name = step_handler_context.get_step_context(step_key).step.op_name
        of_step = get_user_defined_k8s_config(step_handler_context.step_tags[step_key])
        of_op = UserDefinedDagsterK8sConfig.from_dict(self._per_step_k8s_config.get(op_name, {}))
        asked = self._executor_container_context.merge(K8sContainerContext(run_k8s_config=of_step)).merge(
            K8sContainerContext(run_k8s_config=of_op)
        )
        if isinstance(launcher, SlipwayK8sRunLauncher):
            launcher.check_tags(asked)
        if isinstance(launcher, K8sRunLauncher):
            asked = asked.validate_user_k8s_config_for_run(
                launcher.only_allow_user_defined_k8s_config_fields, launcher.only_allow_user_defined_env_vars
            )
        run = step_handler_context.dagster_run
        return K8sContainerContext.create_for_run(run, launcher, include_run_tags=False).merge(asked)

    def check_step_health(self, step_handler_context: "StepHandlerContext") -> CheckStepHealthResult:
        """Tell whether the step's pod is alive, and if not, why; raise if the API gives no answer."""
        if self._get_k8s_step_job_name(step_handler_context) in self._unmade:
            return self._launch_again(step_handler_context)
        return self._look(step_handler_context)

    def _look(self, step_handler_context: "StepHandlerContext") -> CheckStepHealthResult:
        name = self._get_k8s_step_job_name(step_handler_context)
        namespace = str(self._get_container_context(step_handler_context).namespace)
        job = self._api_client.read_job(name, namespace)
        if job is not None and not job.status.failed:
            return CheckStepHealthResult.healthy()
        pods, events = self._api_client.read_pods(name, namespace)
        cause = explain(job, pods, events)
        if cause:
            run_id = step_handler_context.dagster_run.run_id
            step_handler_context.instance.add_run_tags(run_id, {STEP_FAILURE_REASON_TAG: cause.reason})
        return CheckStepHealthResult.unhealthy(str(cause or f"Kubernetes Job {name} failed."))

    def launch_step(self, step_handler_context: "StepHandlerContext") -> Iterator[dg.DagsterEvent]:
        """Make the step's Job; if nobody answers, it is made at a later look at the step's health."""
        try:
            yield from self._make(step_handler_context)
        except self.OUT_OF_REACH as error:
            self._unmade.add(self._get_k8s_step_job_name(step_handler_context))
            self._say(
                step_handler_context,
                f"The step waits, and is begun when there is an answer again. {_told(error)}",
            )

    def _make(self, step_handler_context: "StepHandlerContext") -> Iterator[dg.DagsterEvent]:
        yield from super().launch_step(step_handler_context)

    def _launch_again(self, step_handler_context: "StepHandlerContext") -> CheckStepHealthResult:
        try:
            for _ in self._make(step_handler_context):
                pass
        except self.OUT_OF_REACH:
            return CheckStepHealthResult.healthy()
        except DagsterK8sUnrecoverableAPIError as refused:
            return CheckStepHealthResult.unhealthy(str(refused))
        self._unmade.discard(self._get_k8s_step_job_name(step_handler_context))
        return CheckStepHealthResult.healthy()

    def _say(self, context: "StepHandlerContext", message: str) -> None:
        step = context.get_step_context(self._get_step_key(context))
        dg.DagsterEvent.engine_event(step, message, EngineEventData())


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, KubernetesUnreachableError) else f"{type(error).__name__}: {error}"


def _checked(config: Any) -> dict[str, Any]:
    """Return a pod's configuration in the client's spelling; raise DagsterInvalidConfigError for what it is not."""
    return dict(get_user_defined_k8s_config({"dagster-k8s/config": json.dumps(config)}).to_dict())
