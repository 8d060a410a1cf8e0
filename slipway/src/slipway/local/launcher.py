"""The run launcher of the local platform: Dagster's default one, which can also tell whether a run has a process.

Loaded by the daemon and the webserver, by name from dagster.yaml. Without the health check a run that lost its
process unnoticed (its code server was killed or restarted, or could not tell Postgres) would say for ever that
it is started, and keep its places in the queue and in the pools. With it, run monitoring fails the run within
seconds and the daemon retries it from where it was lost.
"""

from typing import TYPE_CHECKING

from dagster import DagsterEventType
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

# The clock of a process's start is that of the kernel, in hundredths of a second.
_TOLERANCE_SECONDS = 1.0


class LocalRunLauncher(DefaultRunLauncher):
    """Launches runs through their code server; all processes are on this machine."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask for a run's process."""
        return True

    def check_run_worker_health(self, run: "DagsterRun") -> CheckRunHealthResult:
        """Return RUNNING if the process that began the run is there, else NOT_FOUND.

        A run whose first event says no process is taken to be running: it was written by another version.
        """
        found = _process(self._instance, run.run_id)
        if found is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        pid, began = found
        if _is_alive(pid, began):
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(pid))
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, f"its process {pid} is gone", run_worker_id=str(pid)
        )


def _process(instance: "DagsterInstance", run_id: str) -> tuple[int, float] | None:
    """Return the id of the process that a run said it is in, and when it said so (UTC, seconds)."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ENGINE_EVENT, limit=20).records
    for record in records:
        event = record.event_log_entry.get_dagster_event()
        pid = event.engine_event_data.metadata.get("pid")
        if pid is not None:
            return int(str(pid.value)), record.timestamp
    return None


def _is_alive(pid: int, began: float) -> bool:
    """Whether the process exists and is no later one of the same number."""
    import psutil  # noqa: PLC0415 - the environments of code locations have it not

    try:
        process = psutil.Process(pid)
        return (
            process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= began + _TOLERANCE_SECONDS
        )
    except psutil.NoSuchProcess:
        return False
