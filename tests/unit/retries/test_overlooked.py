"""Which retries count as overlooked by the daemon, and how it is sent back: on a real instance, with Dagster's own consumer.

That a retry is then made, once, by the real daemon on Postgres stands in tests/long/test_limits.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.auto_run_reexecution import event_log_consumer

from slipway.retries.overlooked import CURSOR, MOST_REMINDERS, REMINDED_TAG, find_overlooked, remind_daemon

LOST = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
OURS = {".dagster/repository": "__repository__@ours"}
SETTINGS = {"run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}}


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral(settings=SETTINGS) as made:
        passed(made, 0)
        yield made


def passed(instance: DagsterInstance, event: int = 10**6) -> None:
    """Let the daemon have dealt with everything up to `event`."""
    instance.daemon_cursor_storage.set_cursor_values({CURSOR: str(event)})


def cursor(instance: DagsterInstance) -> int:
    return int(instance.daemon_cursor_storage.get_cursor_values({CURSOR})[CURSOR])


def lose(instance: DagsterInstance, data: JobFailureData = LOST, **tags: str) -> DagsterRun:
    own = {key.replace("__", "/"): value for key, value in tags.items()}
    run = create_run_for_test(instance, job_name="j", status=DagsterRunStatus.STARTED, tags={**OURS, **own})
    instance.report_run_failed(run, "its process is gone", data)
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found


def found(instance: DagsterInstance, since: timedelta = timedelta(hours=1)) -> list[str]:
    return [each.run.run_id for each in find_overlooked(instance, OURS, datetime.now(UTC) - since)]


def test_it_names_the_cursor_as_dagster_does() -> None:
    assert event_log_consumer._create_cursor_key(DagsterEventType.RUN_FAILURE) == CURSOR


def test_a_promised_retry_that_the_daemon_has_passed_is_overlooked(instance: DagsterInstance) -> None:
    run = lose(instance)
    assert run.tags["dagster/will_retry"] == "true"
    assert found(instance) == []
    passed(instance)
    assert found(instance) == [run.run_id]


def test_what_needs_no_retry_is_left_alone(instance: DagsterInstance) -> None:
    lose(instance, dagster__auto_retry_run_id="another")
    lose(instance, dagster__max_retries="0")
    lose(instance, dagster__backfill="gone")
    lose(instance, JobFailureData(error=None, failure_reason=RunFailureReason.STEP_FAILURE))
    run = create_run_for_test(instance, job_name="j", status=DagsterRunStatus.STARTED)
    instance.report_run_failed(run, "of another location", LOST)
    passed(instance)
    assert found(instance) == []
    lose(instance)
    passed(instance)
    assert found(instance, timedelta(0)) == []


def test_the_cursor_goes_back_to_before_the_first_of_them_and_never_forward(
    instance: DagsterInstance,
) -> None:
    lose(instance, dagster__auto_retry_run_id="another")
    lose(instance)
    lose(instance)
    passed(instance)
    both = find_overlooked(instance, OURS, datetime.now(UTC) - timedelta(hours=1))
    assert len(remind_daemon(instance, both)) == 2
    before = cursor(instance)
    assert before < min(each.event for each in both)
    events = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
        before, {DagsterEventType.RUN_FAILURE}
    )
    assert {event.run_id for event in events.values()} == {each.run.run_id for each in both}
    passed(instance, 0)
    remind_daemon(instance, both)
    assert cursor(instance) == 0


def test_the_daemon_is_not_reminded_for_ever(instance: DagsterInstance) -> None:
    run = lose(instance)
    for _ in range(MOST_REMINDERS + 2):
        passed(instance)
        remind_daemon(instance, find_overlooked(instance, OURS, datetime.now(UTC) - timedelta(hours=1)))
    assert cursor(instance) == 10**6
    seen = instance.get_run_by_id(run.run_id)
    assert seen
    assert seen.tags[REMINDED_TAG] == str(MOST_REMINDERS)
    assert seen.status is DagsterRunStatus.FAILURE
