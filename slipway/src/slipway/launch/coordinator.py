"""The run queue's entrance: a run that a warm worker can take at once does not wait until the queue's daemon looks.

Dagster's QueuedRunCoordinator, whose config it takes unchanged. In the official chart:

    dagsterDaemon: {runCoordinator: {type: CustomRunCoordinator, config: {customRunCoordinator: {
      module: slipway.launch.coordinator, class: SlipwayRunCoordinator, config: {...}}}}}

Any process that reads the instance's settings may load it: imports nothing of Kubernetes.
"""

import logging
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES
from dagster._core.storage.tags import (
    AUTO_MATERIALIZE_TAG,
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    RETRY_NUMBER_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
)

from slipway.launch.warm import WARM_TAG

if TYPE_CHECKING:
    from dagster import DagsterRun
    from dagster._core.run_coordinator.base import SubmitRunContext

logger = logging.getLogger(__name__)
# Of runs that nobody sits in front of, and that may come in masses.
_BY_ITSELF = {
    AUTO_MATERIALIZE_TAG,
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    RETRY_NUMBER_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
}


@runtime_checkable
class WarmLauncher(Protocol):
    """A run launcher that may give a run to a standing worker, without its having been queued."""

    def launch_warm(self, run: "DagsterRun") -> bool:
        """Return whether a worker has the run."""


class SlipwayRunCoordinator(QueuedRunCoordinator[DagsterInstance]):
    """Queues runs; one that is to be warm, and that the queue would let through, goes to a worker at once."""

    def submit_run(self, context: "SubmitRunContext") -> "DagsterRun":
        """Give a run to a warm worker, or queue it; return it as it is then."""
        run = context.dagster_run
        # The launcher last: a process loads it when it first needs it.
        if self._passes(run) and isinstance(launcher := self._instance.run_launcher, WarmLauncher):
            try:
                has_worker = launcher.launch_warm(run)
            except DagsterUserCodeUnreachableError as error:
                logger.warning("run %s is queued: %s", run.run_id, error)
                has_worker = False
            now = self._instance.get_run_by_id(run.run_id)
            # What has begun after all, or was ended meanwhile, is not queued.
            if now and (
                has_worker or now.status not in {DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING}
            ):
                return now
        return super().submit_run(context)

    def _passes(self, run: "DagsterRun") -> bool:
        """Whether the queue would not hold this run: it is under no limit but that of all runs, and there is room for all that wait.

        Who submits at the same moment as another sees the same room: all runs together may be more than `max_concurrent_runs`, by
        no more than the workers have places.
        """
        if (
            run.status is not DagsterRunStatus.NOT_STARTED
            or run.tags.get(WARM_TAG) != "true"
            or not _BY_ITSELF.isdisjoint(run.tags)
            # It has steps in pools.
            or run.run_op_concurrency
        ):
            return False
        limits = self._instance.get_concurrency_config().run_queue_config
        if limits is None or any(limit["key"] in run.tags for limit in limits.tag_concurrency_limits or ()):
            return False
        counted = RunsFilter(statuses=[*ACTIVE_RUN_STATUSES, DagsterRunStatus.QUEUED])
        return (
            limits.max_concurrent_runs < 0
            or self._instance.get_runs_count(counted) < limits.max_concurrent_runs
        )
