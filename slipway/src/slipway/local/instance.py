"""The Dagster instance of the local platform: its settings, its schema, and the runs a crash left behind.

Heavy: `prepare_instance` imports Dagster. The settings are those of the cluster's values wherever
both have them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from slipway.local.ports import HOST
from slipway.local.programs import DAGSTER_URL_VARIABLE, Plan
from slipway.local.state import write_private

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
    with _environment(plan.instance_environment()):
        from dagster import DagsterInstance, DagsterRunStatus, RunsFilter  # noqa: PLC0415 - 0.7 CPU-seconds
        from dagster._core.events import JobFailureData, RunFailureReason  # noqa: PLC0415

        with DagsterInstance.from_config(str(plan.state.dagster_home)) as instance:
            if migrate:
                instance.upgrade()
            going = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
            runs = instance.get_runs(RunsFilter(statuses=going))
            for run in runs:
                if run.status is DagsterRunStatus.CANCELING:
                    instance.report_run_canceled(run, "The local platform stopped before this run had ended.")
                else:
                    reason = JobFailureData(
                        error=None,
                        failure_reason=RunFailureReason.UNEXPECTED_TERMINATION,
                        first_step_failure_event=None,
                    )
                    instance.report_run_failed(run, _INTERRUPTED, reason)
            return len(runs)


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
