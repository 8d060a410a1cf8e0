"""Runs that are Jobs: an instance with our run launcher, runs as a code server would have them launched, a look by run monitoring."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.launcher import LaunchRunContext
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration


@dg.job
def empty() -> None: ...


@contextmanager
def job_instance(
    kubeconfig: Path | str,
    *,
    folder: Path | None = None,
    start_timeout_seconds: float | None = None,
    **config: Any,
) -> Iterator[dg.DagsterInstance]:
    """Make an instance; `config` is the launcher's, as far as it differs, and run monitoring is on if it has a timeout."""
    launcher = {
        "service_account_name": "runs",
        "instance_config_map": "instance",
        "job_namespace": "dagster",
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
        **config,
    }
    overrides: dict[str, Any] = {
        "run_launcher": {
            "module": "slipway.launch.kubernetes",
            "class": "SlipwayK8sRunLauncher",
            "config": launcher,
        }
    }
    if start_timeout_seconds is not None:
        overrides["run_monitoring"] = {"enabled": True, "start_timeout_seconds": start_timeout_seconds}
    with dg.instance_for_test(overrides=overrides, temp_dir=str(folder) if folder else None) as made:
        yield made


def new_run(
    instance: dg.DagsterInstance,
    status: DagsterRunStatus = DagsterRunStatus.STARTED,
    *,
    image: str = "orders:1.2.3",
    tags: dict[str, str] | None = None,
    of_release: dict[str, Any] | None = None,
) -> dg.DagsterRun:
    """Store a run as a code server with this image would have it launched."""
    origin = dg.reconstructable(empty).get_python_origin()
    repository = origin.repository_origin._replace(
        container_image=image, container_context={"k8s": of_release} if of_release else None
    )
    run = dg.DagsterRun(
        job_name="empty",
        run_id=dg.DagsterRun(job_name="empty").run_id,
        status=DagsterRunStatus.NOT_STARTED,
        tags=tags or {},
        job_code_origin=origin._replace(repository_origin=repository),
    )
    instance.add_run(run)
    if status in {DagsterRunStatus.STARTING, DagsterRunStatus.STARTED}:
        event(instance, run, dg.DagsterEventType.PIPELINE_STARTING)
    if status == DagsterRunStatus.STARTED:
        event(instance, run, dg.DagsterEventType.PIPELINE_START)
    return stored(instance, run)


def launch(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Let the launcher launch a run."""
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))


def event(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType) -> None:
    """Let something happen to a run."""
    happened = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
    instance.report_dagster_event(happened, run_id=run.run_id)


def stored(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    """Return a run as it is now."""
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def monitor(instance: dg.DagsterInstance) -> list[Any]:
    """Let run monitoring look once; return what went wrong for each run."""
    context: Any = SimpleNamespace(instance=instance, create_request_context=lambda: None)
    return [error for error in execute_run_monitoring_iteration(context, logging.getLogger("test")) if error]


def job_name(run: dg.DagsterRun) -> str:
    """Return the name of a run's Job."""
    return f"dagster-run-{run.run_id}"
