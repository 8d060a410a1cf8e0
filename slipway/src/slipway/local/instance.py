"""The Dagster instance of the local platform: its settings, its schema, and the runs a crash left behind.

Heavy: `prepare_instance` imports Dagster. The settings are those of the cluster's values wherever
both have them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from slipway.local.ports import HOST
from slipway.local.programs import DAGSTER_URL_VARIABLE, Plan
from slipway.local.state import write_private

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRunStatus

# Two runs keep two cores busy; more only make each other slower.
MAX_CONCURRENT_RUNS = 2
_INTERRUPTED = "The local platform stopped while this run was going. What it had finished is kept; the daemon retries the rest."


def settings(plan: Plan) -> dict[str, Any]:
    """Return the content of dagster.yaml. Secrets are named, never written."""
    home = plan.state.dagster_home
    return {
        "storage": {"postgres": {"postgres_url": {"env": DAGSTER_URL_VARIABLE}}},
        "run_coordinator": {
            "module": "dagster._core.run_coordinator.queued_run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1, "dequeue_use_threads": True, "dequeue_num_workers": 2},
        },
        "concurrency": {
            "runs": {"max_concurrent_runs": MAX_CONCURRENT_RUNS},
            "pools": {"granularity": "op"},
        },
        "run_monitoring": {
            "enabled": True,
            "poll_interval_seconds": 20,
            "free_slots_after_run_end_seconds": 60,
        },
        # A step's own errors are its RetryPolicy's business; what is retried here is a lost process.
        "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
        "schedules": {"use_threads": True, "num_workers": 2},
        "sensors": {"use_threads": True, "num_workers": 2},
        "retention": {
            "schedule": {"purge_after_days": 90},
            "sensor": {"purge_after_days": {"skipped": 3, "success": 30, "failure": 30, "started": 7}},
        },
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(home)},
        },
        "compute_logs": {
            "module": "dagster._core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(plan.state.compute_logs)},
        },
        "telemetry": {"enabled": False},
        # Otherwise the first page is a form that asks for an e-mail address.
        "nux": {"enabled": False},
    }


def write_settings(plan: Plan) -> None:
    """Write dagster.yaml and workspace.yaml into DAGSTER_HOME."""
    servers = [
        {"grpc_server": {"host": HOST, "port": plan.ports.code_server(index), "location_name": location.name}}
        for index, location in enumerate(plan.repository.code_locations)
    ]
    write_private(plan.state.dagster_home / "dagster.yaml", yaml.safe_dump(settings(plan), sort_keys=False))
    write_private(plan.workspace, yaml.safe_dump({"load_from": servers}, sort_keys=False))


def prepare_instance(plan: Plan, *, migrate: bool) -> int:
    """Bring the schema to this version and fail the runs that a crash cut off; return how many there were.

    Must be called while neither the daemon nor a run is going: every run that says it is going then
    is one that no process works on any more. The daemon retries them from where they failed.
    """
    with _opened(plan) as instance:
        from dagster import DagsterRunStatus  # noqa: PLC0415 - 0.7 CPU-seconds

        if migrate:
            instance.upgrade()
        return _give_up(
            instance, [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
        )


def give_up_lost_runs(plan: Plan, at_work: Callable[[], bool]) -> int:
    """Fail the started runs that lost their process while the platform runs; return how many there were.

    A run whose process died while Postgres could take no event (a full disk) says for ever that it is
    started, and keeps its place in the queue: this launcher has no health check. `at_work` tells whether any run
    has a process; nothing is done while one has, for which run it works can't be seen.
    """
    with _opened(plan) as instance:
        from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415

        started = [DagsterRunStatus.STARTED]
        # Asked in this order: a run that was started before has a process now, has ended since, or is lost.
        if not instance.get_runs(RunsFilter(statuses=started), limit=1) or at_work():
            return 0
        return _give_up(instance, started)


def _give_up(instance: "DagsterInstance", statuses: "list[DagsterRunStatus]") -> int:
    from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415
    from dagster._core.events import JobFailureData, RunFailureReason  # noqa: PLC0415

    runs = instance.get_runs(RunsFilter(statuses=statuses))
    for run in runs:
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The local platform stopped before this run had ended.")
        else:
            reason = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
            instance.report_run_failed(run, _INTERRUPTED, reason)
    return len(runs)


@contextmanager
def _opened(plan: Plan) -> Iterator["DagsterInstance"]:
    with _environment(plan.instance_environment()):
        from dagster import DagsterInstance  # noqa: PLC0415

        with DagsterInstance.from_config(str(plan.state.dagster_home)) as instance:
            yield instance


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
