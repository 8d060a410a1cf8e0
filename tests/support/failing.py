"""The failure of a run as a busy machine may store it: the daemon looks between its event and the run's status."""

import time
from typing import TYPE_CHECKING

from slipway.retries.overlooked import CURSOR
from support.automation import opened_instance
from support.platform import Platform

if TYPE_CHECKING:
    from dagster import DagsterInstance


def fail_unseen_by_the_daemon(platform: Platform, run_id: str, timeout: float = 60) -> None:
    """Report a run as lost, with a pause between the two writes, until the daemon has passed the first."""
    from dagster._core.events import JobFailureData, RunFailureReason  # noqa: PLC0415 - a second

    with opened_instance(platform) as instance:
        run = instance.get_run_by_id(run_id)
        assert run
        storage = instance.run_storage
        write_status = storage.handle_run_event

        def late(run_id: str, *rest: object, **named: object) -> None:
            deadline = time.monotonic() + timeout
            while _cursor(instance) < _failure(instance, run_id):
                assert time.monotonic() < deadline, "the daemon does not look"
                time.sleep(0.2)
            write_status(run_id, *rest, **named)

        storage.handle_run_event = late
        reason = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
        instance.report_run_failed(run, "Its process is gone.", reason)


def send_the_daemon_back(platform: Platform, by: int = 10_000) -> None:
    """Let the daemon look at the newest failures once more."""
    with opened_instance(platform) as instance:
        back = max(0, _cursor(instance) - by)
        instance.daemon_cursor_storage.set_cursor_values({CURSOR: str(back)})


def _cursor(instance: "DagsterInstance") -> int:
    return int(instance.daemon_cursor_storage.get_cursor_values({CURSOR})[CURSOR])


def _failure(instance: "DagsterInstance", run_id: str) -> int:
    from dagster import DagsterEventType  # noqa: PLC0415 - a second

    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.RUN_FAILURE).records
    return records[-1].storage_id
