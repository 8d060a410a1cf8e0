"""The run queue's entrance: a run that somebody waits for, and that the queue would not hold, does not wait until the queue's daemon looks.

Dagster's QueuedRunCoordinator, whose config it takes unchanged. In the official chart:

    dagsterDaemon: {runCoordinator: {type: CustomRunCoordinator, config: {customRunCoordinator: {
      module: slipway.launch.coordinator, class: SlipwayRunCoordinator, config: {...}}}}}

Any process that reads the instance's settings may load it: imports nothing of Kubernetes.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.launcher import LaunchRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES
from dagster._core.storage.tags import (
    AUTO_MATERIALIZE_TAG,
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    RETRY_NUMBER_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
)

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
# The database's advisory lock under which places are counted and taken; any number that nobody else has.
_LOCK = 0x51_1D_3A_75


class SlipwayRunCoordinator(QueuedRunCoordinator[DagsterInstance]):
    """Queues runs; one that is launched by hand, and that the queue would let through, is launched at once."""

    def submit_run(self, context: "SubmitRunContext") -> "DagsterRun":
        """Launch a run, or queue it; return it as it is then."""
        run = context.dagster_run
        limits = self._instance.get_concurrency_config().run_queue_config
        if limits is None or not _may_pass(run, limits) or not self._takes_a_place(run, limits):
            return super().submit_run(context)
        launched = self._launch(run, context)
        now = self._instance.get_run_by_id(run.run_id)
        # What has begun after all, or was ended meanwhile, is not queued.
        if now and (launched or now.status is not DagsterRunStatus.STARTING):
            return now
        return super().submit_run(context)

    def _takes_a_place(self, run: "DagsterRun", limits: RunQueueConfig) -> bool:
        """Mark the run as starting if there is room for it and for all that wait; return whether there is."""
        counted = RunsFilter(statuses=[*ACTIVE_RUN_STATUSES, DagsterRunStatus.QUEUED])
        with self._alone():
            if 0 <= limits.max_concurrent_runs <= self._instance.get_runs_count(counted):
                return False
            event = DagsterEvent(DagsterEventType.PIPELINE_STARTING.value, job_name=run.job_name)
            self._instance.report_dagster_event(event, run_id=run.run_id)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others who launch waiting: of two who see the same free place, one would take a place that is not there."""
        from dagster_postgres import PostgresRunStorage  # noqa: PLC0415 - tests have a database of another kind

        storage = self._instance.run_storage
        if not isinstance(storage, PostgresRunStorage):
            yield
            return
        with storage.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
            try:
                yield
            finally:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")

    def _launch(self, run: "DagsterRun", context: "SubmitRunContext") -> bool:
        """Return whether the run was launched."""
        now = self._instance.get_run_by_id(run.run_id) or run
        try:
            self._instance.run_launcher.launch_run(LaunchRunContext(now, context.workspace))
        except Exception:
            # Whatever it is, the daemon meets it again, and then waits, or fails the run with it.
            logger.exception("run %s is queued", run.run_id)
            return False
        return True


def _may_pass(run: "DagsterRun", limits: RunQueueConfig) -> bool:
    """Whether no limit holds this run but that of all runs."""
    return (
        run.status is DagsterRunStatus.NOT_STARTED
        and _BY_ITSELF.isdisjoint(run.tags)
        # Its steps are in no pools.
        and not run.run_op_concurrency
        and not any(limit["key"] in run.tags for limit in limits.tag_concurrency_limits or ())
    )
