"""Steps as Jobs: made within bounds, looked after, and ended with their run. Jobs are processes here."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from slipway.launch import k8s_job_executor
from slipway.launch.kubernetes import steps
from slipway.launch.kubernetes.client import KubernetesUnreachableError
from slipway.launch.kubernetes.steps import STEP_FAILURE_REASON_TAG
from slipway.launch.step_pods import KubernetesMissingError
from support.job_runs import job_instance
from support.kubernetes_api import KubernetesApi, kubernetes_api


def asked_of_a_pod(**container: Any) -> dict[str, str]:
    return {"dagster-k8s/config": json.dumps({"container_config": container})}


@dg.op(tags=asked_of_a_pod(resources={"limits": {"memory": "2Gi"}}))
def large() -> int:
    return 1


@dg.op
def small(value: int) -> int:
    return value + 1


@dg.job(executor_def=k8s_job_executor)
def two_pods() -> None:
    small(large())


@dg.op(tags=asked_of_a_pod(security_context={"privileged": True}))
def greedy() -> None: ...


@dg.job(executor_def=k8s_job_executor)
def out_of_bounds() -> None:
    greedy()


@dg.op
def lost() -> None:
    """End as a pod does that is killed: without a word."""
    import os  # noqa: PLC0415
    import signal  # noqa: PLC0415

    os.kill(os.getpid(), signal.SIGKILL)


@dg.job(executor_def=k8s_job_executor)
def loses_a_pod() -> None:
    lost()


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with kubernetes_api() as served:
        served.runs_jobs = True
        yield served


@pytest.fixture
def instance(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HOSTNAME", "dagster-run-1")
    with job_instance(
        api.kubeconfig(tmp_path),
        folder=tmp_path,
        job_image="orders:1",
        only_allow_user_defined_k8s_config_fields={"container_config": {"resources": True}},
    ) as made:
        api.environment = {"DAGSTER_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
        yield made


def run(instance: dg.DagsterInstance, job: dg.JobDefinition, **config: Any) -> dg.DagsterRun:
    run_config = {"execution": {"config": config}} if config else {}
    defined = dg.reconstructable(job)
    with dg.execute_job(defined, instance, run_config=run_config, raise_on_error=False) as result:
        found = instance.get_run_by_id(result.run_id)
    assert found is not None
    return found


def test_a_step_gets_the_pod_that_it_asks_for_and_goes_with_its_runs_pod(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    finished = run(instance, two_pods, per_step_k8s_config={"small": {"container_config": {"resources": {}}}})
    assert finished.status == dg.DagsterRunStatus.SUCCESS
    jobs = {job["metadata"]["labels"]["dagster/op"]: job for job in api.jobs.values()}
    container = jobs["large"]["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"limits": {"memory": "2Gi"}}
    for job in jobs.values():
        (owner,) = job["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == (
            "Pod",
            "dagster-run-1",
            "uid-of-dagster-run-1",
        )


def test_a_step_gets_no_more_than_the_launcher_allows(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    finished = run(instance, out_of_bounds)
    assert finished.status == dg.DagsterRunStatus.FAILURE
    assert api.jobs == {}
    said = "\n".join(str(entry.dagster_event) for entry in instance.all_logs(finished.run_id))
    assert "violated the allowed list: container_config.security_context" in said


def test_a_runs_config_gets_no_more_than_the_launcher_allows(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    finished = run(instance, two_pods, step_k8s_config={"pod_spec_config": {"host_network": True}})
    assert finished.status == dg.DagsterRunStatus.FAILURE
    assert api.jobs == {}


def test_a_step_that_loses_its_pod_fails_and_says_so(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    finished = run(instance, loses_a_pod)
    assert finished.status == dg.DagsterRunStatus.FAILURE
    assert finished.tags[STEP_FAILURE_REASON_TAG] == "PodDeleted"
    (failed,) = instance.all_logs(finished.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert "PodDeleted" in str(failed.dagster_event)


def test_a_step_waits_for_an_api_that_does_not_answer_and_its_run_goes_on(
    instance: dg.DagsterInstance, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "HEALTH_SECONDS", 1)
    api.outage = 3
    finished = run(instance, two_pods)
    assert finished.status == dg.DagsterRunStatus.SUCCESS
    said = "\n".join(entry.message for entry in instance.all_logs(finished.run_id))
    assert said.count("The step waits, and is begun when there is an answer again.") == 1
    assert "The Kubernetes API can't be asked to read pod" in said
    assert len(api.jobs) == 2


def test_a_step_that_waited_and_is_refused_fails_with_the_reason(
    instance: dg.DagsterInstance, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "HEALTH_SECONDS", 1)
    api.outage, api.refuse_posts = 1, (403, "exceeded quota: runs")
    finished = run(instance, two_pods)
    assert finished.status == dg.DagsterRunStatus.FAILURE
    failed = instance.all_logs(finished.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert "exceeded quota: runs" in str(failed[0].dagster_event)


def test_definitions_with_it_load_without_the_client_of_kubernetes() -> None:
    program = "import sys, slipway.launch; sys.exit('kubernetes' in sys.modules or 'celery' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_image_without_the_client_says_what_to_add(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "slipway.launch.kubernetes.steps", None)
    monkeypatch.delitem(sys.modules, "slipway.launch.kubernetes", raising=False)
    with pytest.raises(KubernetesMissingError, match=r"two_pods starts a pod .* add slipway\[kubernetes\]"):
        run(instance, two_pods)


def test_the_steps_of_a_run_that_lost_its_pod_are_ended(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    labels = {"dagster/run-id": "another", "app.kubernetes.io/component": "step_worker"}
    api.jobs["of-another"] = {"metadata": {"name": "of-another", "labels": labels}}
    api.jobs["of-this"] = {"metadata": {"name": "of-this", "labels": {**labels, "dagster/run-id": "this"}}}
    client = instance.run_launcher._api_client  # type: ignore[attr-defined]
    client.delete_jobs("dagster/run-id=this,app.kubernetes.io/component=step_worker", "dagster")
    assert list(api.jobs) == ["of-another"]
    api.refuse = (503, "ServiceUnavailable")
    with pytest.raises(KubernetesUnreachableError):
        client.delete_jobs("dagster/run-id=another", "dagster")
