"""The executor of runs whose steps wait in a queue for their pods: docs/launching.md has when to use it.

Called and configured like dagster-celery-k8s's, and lives beside the other executors on one instance: that one insists
on a run launcher of its own for the whole instance, though its runs are Jobs like all others. Imports neither Celery
nor Kubernetes until a run uses it.
"""

from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements

from slipway.launch.step_pods import CONFIG, KubernetesMissingError

if TYPE_CHECKING:
    from dagster._core.executor.step_delegating import StepDelegatingExecutor

QUEUE_CONFIG = {
    **CONFIG,
    "broker": dg.Field(
        dg.StringSource,
        is_required=False,
        description="Address of the Redis of the queues; by default that in SLIPWAY_CELERY_BROKER_URL.",
    ),
}


@dg.executor(
    name="celery-k8s", config_schema=QUEUE_CONFIG, requirements=multiple_process_executor_requirements()
)
def celery_k8s_job_executor(context: dg.InitExecutorContext) -> "StepDelegatingExecutor":
    """Run each step in a Kubernetes Job of its own, made by a worker of a queue when its turn has come.

    A step's tag `dagster-celery/queue` names its queue, `dagster-celery/priority` (0 to 10, more is sooner) its turn. How many
    steps of a queue run at a time is the concurrency of its workers, over all runs.
    """
    try:
        from slipway.launch.queued.steps import queued_executor  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise KubernetesMissingError(
            f"The steps of job {context.job.get_definition().name} wait in a queue, and this image has no {error.name}: "
            "add slipway[celery] to the code location's dependencies, or give the job another executor."
        ) from error
    return queued_executor(context)
