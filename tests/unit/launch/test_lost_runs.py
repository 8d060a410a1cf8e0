"""What becomes of a run whose pod fails, does not start, or can't be asked for.

The pods were recorded on a cluster (Kubernetes 1.34); run monitoring is Dagster's own.
"""

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher.base import WorkerStatus

from slipway.launch.stamps import FAILURE_REASON_TAG, IMAGE_DIGEST_TAG
from slipway.launch.warm import WORKER_TAG
from support.job_runs import event, job_name, monitor, new_run, stored
from support.kubernetes_api import KubernetesApi


@pytest.mark.parametrize(
    ("case", "reason", "said"),
    [
        ("oom", "OOMKilled", "its memory limit of 32Mi"),
        ("evicted", "Evicted", 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi".'),
        ("exited", "ContainerExited", "Container dagster ended with exit code 3."),
        ("no-command", "ContainerError", "StartError. failed to create containerd task"),
        ("done", "ContainerExited", "ended without a word"),
    ],
)
def test_a_run_that_lost_its_pod_says_why(
    instance: dg.DagsterInstance, api: KubernetesApi, case: str, reason: str, said: str
) -> None:
    run = new_run(instance)
    api.has(case, job_name(run))
    assert monitor(instance) == []
    run = stored(instance, run)
    assert run.status == DagsterRunStatus.FAILURE
    assert run.tags[FAILURE_REASON_TAG] == reason
    failed = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert reason in failed[0].message
    assert said in failed[0].message
    engine = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    assert any(f"{reason}: " in entry.message for entry in engine)


@pytest.mark.parametrize(
    ("case", "reason", "said"),
    [
        ("pull", "ImagePullError", "registry.invalid/orders:1.2.3"),
        ("invalid-name", "ImagePullError", "InvalidImageName of Orders:UPPER"),
        ("never-pull", "ImagePullError", "ErrImageNeverPull"),
        ("unschedulable", "Unschedulable", "Insufficient memory"),
        ("no-secret", "ContainerError", 'secret "missing" not found'),
        ("no-account", "PodForbidden", 'serviceaccount "absent" not found'),
    ],
)
def test_a_run_that_does_not_start_says_why_and_leaves_no_job(
    instance: dg.DagsterInstance, api: KubernetesApi, case: str, reason: str, said: str
) -> None:
    run = new_run(instance, DagsterRunStatus.STARTING)
    api.has(case, job_name(run))
    assert monitor(instance) == []
    assert stored(instance, run).status == DagsterRunStatus.STARTING, "it still has time"
    instance._settings["run_monitoring"]["start_timeout_seconds"] = 0.001
    assert monitor(instance) == []
    run = stored(instance, run)
    assert run.status == DagsterRunStatus.FAILURE
    assert run.tags[FAILURE_REASON_TAG] == reason
    failed = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert said in failed[0].message
    assert job_name(run) not in api.jobs


def test_a_run_is_given_up_at_the_second_look_when_its_worker_s_pod_is_gone(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    run = new_run(instance, tags={WORKER_TAG: "orders-warm-0"})
    api.refuse = (404, "NotFound")
    assert monitor(instance) == []
    # The worker, if it is there all the same, has time to see it.
    run = stored(instance, run)
    assert (run.status, run.tags[FAILURE_REASON_TAG]) == (DagsterRunStatus.STARTED, "PodDeleted")
    assert monitor(instance) == []
    run = stored(instance, run)
    assert (run.status, run.tags[FAILURE_REASON_TAG]) == (DagsterRunStatus.FAILURE, "PodDeleted")
    (failed,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "The warm worker orders-warm-0, which had the run, is gone." in failed.message


def test_a_run_whose_pod_runs_goes_on_and_says_what_image_it_got(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    run = new_run(instance)
    api.has("running", job_name(run))
    assert monitor(instance) == []
    run = stored(instance, run)
    assert run.status == DagsterRunStatus.STARTED
    assert FAILURE_REASON_TAG not in run.tags
    recorded = api.pods[job_name(run)][0]["status"]["containerStatuses"][0]["imageID"]
    assert run.tags[IMAGE_DIGEST_TAG] == recorded
    asked = len(api.asked)
    monitor(instance)
    assert len(api.asked) == asked + 1, "the pods are looked at once"


@pytest.mark.parametrize("refused", [(500, "InternalError"), (503, "ServiceUnavailable"), (403, "Forbidden")])
def test_a_healthy_run_outlives_an_api_that_refuses(
    instance: dg.DagsterInstance, api: KubernetesApi, refused: tuple[int, str]
) -> None:
    run = new_run(instance)
    api.has("running", job_name(run))
    api.refuse = refused
    (error,) = monitor(instance)
    assert "The Kubernetes API can't be asked" in error.message
    assert stored(instance, run).status == DagsterRunStatus.STARTED


def test_a_healthy_run_outlives_an_api_that_is_gone(instance: dg.DagsterInstance, api: KubernetesApi) -> None:
    runs = [new_run(instance), new_run(instance)]
    launcher = instance.run_launcher
    unreachable = api.url.replace(api.url.rpartition(":")[2], "9")
    launcher._api_client.batch_api.api_client.configuration.host = unreachable  # type: ignore[attr-defined]
    first, second = monitor(instance)
    assert "can't be asked to read Job" in first.message
    assert "was out of reach a moment ago" in second.message
    assert {stored(instance, run).status for run in runs} == {DagsterRunStatus.STARTED}


def test_a_run_that_ended_meanwhile_is_not_blamed(instance: dg.DagsterInstance, api: KubernetesApi) -> None:
    run = new_run(instance)
    api.has("done", job_name(run))
    event(instance, run, dg.DagsterEventType.PIPELINE_SUCCESS)
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.FAILED
    assert FAILURE_REASON_TAG not in stored(instance, run).tags


def test_a_run_without_its_job_is_lost(instance: dg.DagsterInstance) -> None:
    run = new_run(instance)
    assert monitor(instance) == []
    run = stored(instance, run)
    assert (run.status, run.tags[FAILURE_REASON_TAG]) == (DagsterRunStatus.FAILURE, "JobDeleted")


def test_without_the_right_to_list_pods_a_dead_run_is_dead(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    run = new_run(instance)
    api.has("oom", job_name(run))
    api.refuse_lists = (403, "Forbidden")
    monitor(instance)
    assert stored(instance, run).status == DagsterRunStatus.FAILURE
