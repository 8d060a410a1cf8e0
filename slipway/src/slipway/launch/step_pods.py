"""The executor of runs whose steps are pods of their own: for what needs its own memory, node or isolation.

Dagster's `k8s_job_executor`, with other defaults: killing the run's pod takes the pods of its steps along, their events are
looked for four times a second, and a step that lost its pod says why. Nothing of Kubernetes is imported until a run
uses it: importing it costs a second, and other runs of the same code location don't need it.
"""

import os
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.retries import get_retries_config
from dagster._core.execution.tags import get_tag_concurrency_limits_config

if TYPE_CHECKING:
    from dagster._core.executor.step_delegating import StepDelegatingExecutor

SLEEP_VARIABLE = "DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS"
SLEEP_SECONDS = 0.25
"""Between two looks for events; each opens a connection to Postgres. Dagster's own is a second."""

CONFIG = {
    "max_concurrent": dg.Field(
        dg.IntSource, is_required=False, description="How many steps of the run may have a pod at a time."
    ),
    "tag_concurrency_limits": get_tag_concurrency_limits_config(),  # type: ignore[no-untyped-call]
    "retries": get_retries_config(),  # type: ignore[no-untyped-call]
    "job_namespace": dg.Field(
        dg.StringSource,
        is_required=False,
        description="Where the steps' Jobs are made; by default beside the run's.",
    ),
    "step_k8s_config": dg.Field(
        dict,
        default_value={},
        description="For the pod of every step, as in the tag dagster-k8s/config.",
    ),
    "per_step_k8s_config": dg.Field(
        dict,
        default_value={},
        description="The same by the name of an op; goes before all others.",
    ),
}


class KubernetesMissingError(RuntimeError):
    """The run's image has no client of Kubernetes."""


@dg.executor(name="k8s", config_schema=CONFIG, requirements=multiple_process_executor_requirements())
def k8s_job_executor(context: dg.InitExecutorContext) -> "StepDelegatingExecutor":
    """Run each step in a Kubernetes Job of its own. Give it to a job as `executor_def=k8s_job_executor`.

    The image needs `slipway[kubernetes]`, and its ServiceAccount the rights of docs/launching.md. What a step
    asks of its pod stands in the asset's `op_tags={"dagster-k8s/config": {...}}`, within what the run launcher's
    `only_allow_user_defined_k8s_config_fields` allows.
    """
    try:
        from slipway.launch.kubernetes.steps import step_delegating_executor  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise KubernetesMissingError(
            f"Job {context.job.get_definition().name} starts a pod for each step, and this image has no {error.name}: "
            "add slipway[kubernetes] to the code location's dependencies, or give the job another executor."
        ) from error
    return step_delegating_executor(context)


def sleep_seconds() -> float:
    """Return the pause between two looks for the events of steps, in seconds."""
    return float(os.environ.get(SLEEP_VARIABLE) or SLEEP_SECONDS)
