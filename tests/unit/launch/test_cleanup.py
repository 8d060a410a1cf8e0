from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes.client
import kubernetes.config
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.runs.schema import RunsTable

from slipway.launch.kubernetes.cleanup import RUN_LABEL, Limits, remove_overdue
from support.kubernetes_api import kubernetes_api

LIMITS = Limits(keep=3600, orphan=120)


@dg.job
def empty() -> None: ...


def job(name: str, run_id: str, *, working: bool = False, age: float = 0) -> dict[str, Any]:
    made = datetime.fromtimestamp(datetime.now(UTC).timestamp() - age, UTC)
    status = {"active": 1} if working else {"succeeded": 1}
    metadata = {"name": name, "uid": f"uid-{name}", "labels": {RUN_LABEL: run_id}}
    return {
        "metadata": {**metadata, "creationTimestamp": made.isoformat()},
        "spec": {"template": {}},
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "ended", "working", "removed"),
    [
        # The run goes on, whatever the Job says.
        (DagsterRunStatus.STARTED, None, False, False),
        (DagsterRunStatus.STARTED, None, True, False),
        (DagsterRunStatus.SUCCESS, 60, False, False),
        (DagsterRunStatus.SUCCESS, 3700, False, True),
        (DagsterRunStatus.FAILURE, 60, True, False),
        # Given up, and its pod works on.
        (DagsterRunStatus.FAILURE, 130, True, True),
        (DagsterRunStatus.CANCELED, 130, False, False),
    ],
)
def test_a_job_goes_by_the_state_of_its_run(
    tmp_path: Path, status: DagsterRunStatus, ended: float | None, working: bool, removed: bool
) -> None:
    with kubernetes_api() as api, dg.instance_for_test() as instance:
        run = instance.create_run_for_job(empty, status=status)
        api.jobs["dagster-run-1"] = job("dagster-run-1", run.run_id, working=working, age=9999)
        if ended is not None:
            _end(instance, run.run_id, datetime.now(UTC).timestamp() - ended)
        lines = list(remove_overdue(instance, _client(api, tmp_path), "dagster", LIMITS))
    assert ("dagster-run-1" not in api.jobs) == removed
    assert [line.split(":")[0] for line in lines] == (["dagster-run-1"] if removed else [])


@pytest.mark.parametrize(("age", "removed"), [(60, False), (130, True)])
def test_a_job_without_a_run_goes(tmp_path: Path, age: float, removed: bool) -> None:
    with kubernetes_api() as api, dg.instance_for_test() as instance:
        api.jobs["dagster-run-1"] = job(
            "dagster-run-1", "3f0b6f6e-0000-4000-8000-000000000000", working=True, age=age
        )
        lines = list(remove_overdue(instance, _client(api, tmp_path), "dagster", LIMITS))
    assert ("dagster-run-1" not in api.jobs) == removed
    assert lines == (["dagster-run-1: its run was deleted"] if removed else [])


def test_where_no_job_is_nothing_is_done(tmp_path: Path) -> None:
    with kubernetes_api() as api, dg.instance_for_test() as instance:
        assert list(remove_overdue(instance, _client(api, tmp_path), "dagster", LIMITS)) == []


def _client(api: Any, folder: Path) -> Any:
    client = kubernetes.config.new_client_from_config(api.kubeconfig(folder))
    return kubernetes.client.BatchV1Api(client)


def _end(instance: dg.DagsterInstance, run_id: str, at: float) -> None:
    """Have the run end at another time than now, as the event log would say it."""
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(
            RunsTable.update().where(RunsTable.c.run_id == run_id).values(end_time=at, start_time=at - 1)
        )
