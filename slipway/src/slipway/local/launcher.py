"""The run launcher of the local platform: Dagster's default one, which can also tell whether a run has a process.

Loaded by the daemon and the webserver, by name from dagster.yaml. Without the health check a run that lost its
process unnoticed (its code server was killed or restarted, or could not tell Postgres) would say for ever that
it is started, and keep its places in the queue and in the pools. With it, run monitoring fails the run within
seconds and the daemon retries it from where it was lost.
"""

import json
import time
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

# The clock of a process's start is that of the kernel, in hundredths of a second.
_TOLERANCE_SECONDS = 1.0
# A daemon that finds a code location missing when it would retry a run drops that retry for good. It looks
# every 10 s whether one is back, and then loads it; one that does not come back is not waited for for ever.
_SERVED_SECONDS = 25.0
_LONGEST_SECONDS = 300.0


class LocalRunLauncher(DefaultRunLauncher):
    """Launches runs through their code server; all processes are on this machine."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._gone_since: dict[str, float] = {}
        self._served_since: dict[str, float] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask for a run's process."""
        return True

    def check_run_worker_health(self, run: "DagsterRun") -> CheckRunHealthResult:
        """Return NOT_FOUND if the process that began the run is gone and a retry could be launched, else RUNNING.

        A run whose events name no process is taken to be running: it was written by another version.
        """
        found = _process(self._instance, run.run_id)
        if found is None or _is_alive(*found):
            self._gone_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if not self._can_be_retried(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING, "waiting for its code server, to be retried")
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"its process {found[0]} is gone")

    def _can_be_retried(self, run: "DagsterRun") -> bool:
        """Whether the run's code server has listened for a while, or has been waited for long enough."""
        from slipway.local.probes import listens  # noqa: PLC0415 - only where a run was lost

        now = time.monotonic()
        server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        if server.get("port") and not listens(int(server["port"])):
            self._served_since.pop(run.run_id, None)
        else:
            self._served_since.setdefault(run.run_id, now)
        gone = now - self._gone_since.setdefault(run.run_id, now)
        since = self._served_since.get(run.run_id)
        return gone >= _LONGEST_SECONDS or (since is not None and now - since >= _SERVED_SECONDS)


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
