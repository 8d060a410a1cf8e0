"""The Dagster instance of the local platform: its settings, its schema, its pools, and the runs a crash left behind.

Heavy: `prepare_instance` imports Dagster. The settings are those of the cluster's values wherever
both have them (`slipway.limits`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from slipway import limits
from slipway.environment import lent
from slipway.local import pools
from slipway.local.errors import LocalPlatformError
from slipway.local.ports import HOST
from slipway.local.programs import DAGSTER_URL_VARIABLE, Plan
from slipway.local.state import write_private

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRunStatus

RUNS_VARIABLE = "SLIPWAY_RUNS"
# Two runs keep two cores busy, and backfills leave the third to others.
DEFAULT_RUNS = 3
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
        "run_launcher": {"module": "slipway.local.launcher", "class": "LocalRunLauncher"},
        "concurrency": {
            "runs": limits.run_queue(max_concurrent_runs()),
            # A step takes its place when it begins, and not already when its run begins.
            "pools": {"granularity": "op"},
        },
        "run_monitoring": limits.RUN_MONITORING,
        "run_retries": limits.RUN_RETRIES,
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


def max_concurrent_runs() -> int:
    """Return how many runs may go at a time: `$SLIPWAY_RUNS`, read when the platform starts.

    Raises:
        LocalPlatformError: the variable holds no number above 0.
    """
    chosen = os.environ.get(RUNS_VARIABLE) or str(DEFAULT_RUNS)
    if not (chosen.isdecimal() and int(chosen)):
        raise LocalPlatformError(f"{RUNS_VARIABLE}={chosen!r} is no number of runs.", "Use 1 or more.")
    return int(chosen)


def write_settings(plan: Plan) -> None:
    """Write dagster.yaml and workspace.yaml into DAGSTER_HOME."""
    servers = [
        {"grpc_server": {"host": HOST, "port": plan.ports.code_server(index), "location_name": location.name}}
        for index, location in enumerate(plan.repository.code_locations)
    ]
    write_private(plan.state.dagster_home / "dagster.yaml", yaml.safe_dump(settings(plan), sort_keys=False))
    write_private(plan.workspace, yaml.safe_dump({"load_from": servers}, sort_keys=False))


def prepare_instance(plan: Plan, *, migrate: bool) -> int:
    """Bring the schema to this version, apply the pools and fail the runs that a crash cut off; return how many.

    Must be called while neither the daemon nor a run is going: every run that says it is going then
    is one that no process works on any more. The daemon retries them from where they failed.
    """
    with _opened(plan) as instance:
        from dagster import DagsterRunStatus  # noqa: PLC0415 - 0.7 CPU-seconds

        if migrate:
            instance.upgrade()
        pools.apply_to_instance(instance, pools.declared(plan.repository.code_locations))
        return _give_up(
            instance, [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
        )


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
    with lent(plan.instance_environment()):
        from dagster import DagsterInstance  # noqa: PLC0415

        with DagsterInstance.from_config(str(plan.state.dagster_home)) as instance:
            yield instance
