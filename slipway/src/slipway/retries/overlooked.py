"""Runs whose promised retry the daemon has overlooked, and having it look again.

A run's failure is stored as an event first, in its status after it, and events are not committed in the order of
their ids (https://github.com/dagster-io/dagster/issues/33741): a daemon that looks in between finds no failed run,
and never looks at that event again. The run says for ever that it will be retried, and a backfill waits for it.

The retry is left to the daemon: only its cursor is set back to before the event. It launches at most one retry of a
run, however often it comes by, and nobody else launches any; so no run is retried twice. (A retry launched over
GraphQL does not get `dagster/auto_retry_run_id` onto the failed run, which the end of a backfill waits for.)

Does not belong here: whether a run is worth a retry, which Dagster has decided when it failed, and steps (`policy`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    REPOSITORY_LABEL_TAG,
    WILL_RETRY_TAG,
)

CURSOR = f"EVENT_LOG_CONSUMER_CURSOR-{DagsterEventType.RUN_FAILURE.value}"
"""Under this name the daemon keeps the id of the newest event of a failure that it has dealt with."""
REMINDED_TAG = "slipway/retry_reminded"
"""On a failed run: how often the daemon was sent back to it."""

MOST_REMINDERS = 5
# What failed longer ago is history: a retry of it would surprise.
_WINDOW = timedelta(days=1)
_MOST_RUNS = 100


@dataclass(frozen=True)
class Overlooked:
    """A run that waits for a retry that won't come.

    Attributes:
        run: the run, failed.
        event: the id of the event of its failure.
    """

    run: DagsterRun
    event: int

    @property
    def reminders(self) -> int:
        """How often the daemon was sent back to it."""
        return int(self.run.tags.get(REMINDED_TAG, "0"))


def find_overlooked(instance: DagsterInstance, tags: Mapping[str, str], since: datetime) -> list[Overlooked]:
    """Return the runs that were promised a retry, and that the daemon has passed without making it.

    Args:
        instance: the Dagster instance; its storage must be the one that the daemon uses.
        tags: only runs that carry these.
        since: only runs that changed after this (aware).
    """
    # First: what the daemon had passed before the runs were read, it has dealt with.
    passed = _cursor(instance)
    if passed is None:
        return []
    promised = RunsFilter(
        statuses=[DagsterRunStatus.FAILURE], tags={**tags, WILL_RETRY_TAG: "true"}, updated_after=since
    )
    found = []
    for run in instance.get_runs(promised, limit=_MOST_RUNS):
        if AUTO_RETRY_RUN_ID_TAG in run.tags or not _is_wanted(instance, run):
            continue
        event = _failure(instance, run.run_id)
        if event is not None and event <= passed:
            found.append(Overlooked(run, event))
    return found


def remind_daemon(instance: DagsterInstance, overlooked: Sequence[Overlooked]) -> list[str]:
    """Set the daemon's cursor back to before the failures of these runs; return the runs' ids.

    Runs that the daemon was reminded of MOST_REMINDERS times are left out: it can't retry them, and their events
    say why. A reminder may be lost, when the daemon stores its cursor at the same moment; the next one is not.
    """
    chosen = [each for each in overlooked if each.reminders < MOST_REMINDERS]
    for each in chosen:
        instance.add_run_tags(each.run.run_id, {REMINDED_TAG: str(each.reminders + 1)})
        instance.report_engine_event(
            "The daemon has overlooked that this run is to be retried; it is sent back to it.", each.run
        )
    now = _cursor(instance)
    if chosen and now is not None:
        before = min(each.event for each in chosen) - 1
        instance.daemon_cursor_storage.set_cursor_values({CURSOR: str(min(now, before))})
    return [each.run.run_id for each in chosen]


def build_overlooked_retries_sensor(
    *, name: str = "overlooked_retries", seconds: int = 30
) -> dg.SensorDefinition:
    """Return a sensor that looks every so many `seconds` after the failed runs of its own code location."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has the daemon make the retries of lost runs that it has overlooked.",
    )
    def overlooked_retries(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        own = {REPOSITORY_LABEL_TAG: _label(context)}
        found = find_overlooked(context.instance, own, datetime.now(UTC) - _WINDOW)
        reminded = remind_daemon(context.instance, found)
        given_up = len(found) - len(reminded)
        if not found:
            return dg.SkipReason("No retry was overlooked.")
        for run_id in reminded:
            context.log.warning("The daemon had overlooked the retry of run %s", run_id)
        return dg.SkipReason(
            f"Overlooked: {', '.join(reminded) or 'none'}; {given_up} more that the daemon can't retry."
        )

    return overlooked_retries


def _label(context: dg.SensorEvaluationContext) -> str:
    origin = context.code_location_origin
    location = origin.location_name if origin else None
    return f"{context.repository_name}@{location}"


def _cursor(instance: DagsterInstance) -> int | None:
    value = instance.daemon_cursor_storage.get_cursor_values({CURSOR}).get(CURSOR)
    return None if value is None else int(value)


def _failure(instance: DagsterInstance, run_id: str) -> int | None:
    records = instance.get_records_for_run(
        run_id, of_type=DagsterEventType.RUN_FAILURE, limit=1, ascending=False
    ).records
    return records[0].storage_id if records else None


def _is_wanted(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Whether nobody has called it off: the runs of a backfill that has ended are not retried."""
    backfill_id = run.tags.get(BACKFILL_ID_TAG)
    if backfill_id is None:
        return True
    backfill = instance.get_backfill(backfill_id)
    return backfill is not None and backfill.status not in BULK_ACTION_TERMINAL_STATUSES
