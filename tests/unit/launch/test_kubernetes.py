"""What becomes of a run whose pod fails, does not start, or can't be asked for.

The pods were recorded on a cluster (Kubernetes 1.34); run monitoring is Dagster's own.
"""

import importlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._config import process_config
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.base import WorkerStatus
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from slipway.launch.kubernetes import SlipwayK8sRunLauncher
from slipway.launch.kubernetes.client import KubernetesUnreachableError
from slipway.launch.kubernetes.launcher import FAILURE_REASON_TAG
from slipway.launch.stamps import IMAGE_DIGEST_TAG, REVISION_TAG, VERSION_TAG
from support.kubernetes_api import KubernetesApi, kubernetes_api

ROOT = Path(__file__).parents[3]
DIGEST = "sha256:" + "ab" * 32


@dg.job
def empty() -> None: ...


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with kubernetes_api() as served:
        yield served


@pytest.fixture
def instance(api: KubernetesApi, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with our launcher and run monitoring."""
    config = {
        "service_account_name": "runs",
        "instance_config_map": "instance",
        "job_namespace": "dagster",
        "load_incluster_config": False,
        "kubeconfig_file": api.kubeconfig(tmp_path),
        "only_allow_user_defined_k8s_config_fields": {
            "container_config": {"resources": True, "env": True},
            "pod_spec_config": {"node_selector": True, "service_account_name": True},
        },
        "only_allow_in_tags": {
            "container_config": {"resources": True},
            "pod_spec_config": {"node_selector": True},
        },
    }
    overrides = {
        "run_launcher": {
            "module": "slipway.launch.kubernetes",
            "class": "SlipwayK8sRunLauncher",
            "config": config,
        },
        "run_monitoring": {"enabled": True, "start_timeout_seconds": 600},
    }
    with dg.instance_for_test(overrides=overrides) as made:
        made.run_launcher._api_client.sleeper = lambda _seconds: None  # type: ignore[attr-defined]
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


def event(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType) -> None:
    happened = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
    instance.report_dagster_event(happened, run_id=run.run_id)


def stored(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def monitor(instance: dg.DagsterInstance) -> list[Any]:
    """Let run monitoring look once; return what went wrong for each run."""
    context: Any = SimpleNamespace(instance=instance, create_request_context=lambda: None)
    return [error for error in execute_run_monitoring_iteration(context, logging.getLogger("test")) if error]


def messages(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    return "\n".join(entry.user_message or entry.message for entry in instance.all_logs(run.run_id))


def job_name(run: dg.DagsterRun) -> str:
    return f"dagster-run-{run.run_id}"


def test_its_config_is_that_of_dagsters_launcher() -> None:
    config = {
        "service_account_name": "runs",
        "instance_config_map": "instance",
        "load_incluster_config": True,
    }
    assert process_config(SlipwayK8sRunLauncher.config_type(), config).success
    assert not process_config(SlipwayK8sRunLauncher.config_type(), {**config, "surprise": 1}).success


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


def launch(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))


def test_a_launched_run_says_which_code_it_runs(instance: dg.DagsterInstance, api: KubernetesApi) -> None:
    variables = {"SLIPWAY_REVISION": "1a2b3c4", "SLIPWAY_VERSION": "0.3.0"}
    env = [{"name": name, "value": value} for name, value in variables.items()]
    run = new_run(
        instance, DagsterRunStatus.STARTING, image=f"registry/orders@{DIGEST}", of_release={"env": env}
    )
    launch(instance, run)
    tags = stored(instance, run).tags
    assert (tags[IMAGE_DIGEST_TAG], tags[REVISION_TAG], tags[VERSION_TAG]) == (DIGEST, "1a2b3c4", "0.3.0")
    assert job_name(run) in api.jobs


def test_a_retry_takes_over_nothing_from_the_run_before(instance: dg.DagsterInstance) -> None:
    before = {FAILURE_REASON_TAG: "OOMKilled", IMAGE_DIGEST_TAG: DIGEST, REVISION_TAG: "1a2b3c4"}
    run = new_run(instance, DagsterRunStatus.STARTING, tags=before)
    launch(instance, run)
    tags = stored(instance, run).tags
    assert (tags[FAILURE_REASON_TAG], tags[IMAGE_DIGEST_TAG]) == ("none", "unknown")
    assert tags[REVISION_TAG] == "unknown"
    assert VERSION_TAG not in tags


def test_a_job_that_is_there_already_is_the_runs_own(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    run = new_run(instance, DagsterRunStatus.STARTING)
    launch(instance, run)
    launch(instance, run)
    assert list(api.jobs) == [job_name(run)]


def test_a_launch_without_an_answer_can_be_repeated(instance: dg.DagsterInstance, api: KubernetesApi) -> None:
    run = new_run(instance, DagsterRunStatus.STARTING)
    api.refuse = (503, "ServiceUnavailable")
    with pytest.raises(KubernetesUnreachableError):
        launch(instance, run)
    assert len([asked for asked in api.asked if asked.startswith("POST")]) == 4
    # Which is what puts a run back into the queue.
    assert issubclass(KubernetesUnreachableError, dg._core.errors.DagsterUserCodeUnreachableError)


def test_a_refused_job_fails_at_once(instance: dg.DagsterInstance, api: KubernetesApi) -> None:
    run = new_run(instance, DagsterRunStatus.STARTING)
    api.refuse = (403, "Forbidden")
    with pytest.raises(Exception, match="Kubernetes refused to create Job dagster/dagster-run-"):
        launch(instance, run)
    assert len([asked for asked in api.asked if asked.startswith("POST")]) == 1


def test_what_a_run_asks_of_its_pod_is_kept_within_bounds(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    wanted = {
        "container_config": {"resources": {"limits": {"memory": "256Mi"}}},
        "pod_spec_config": {"node_selector": {"disk": "fast"}},
    }
    run = new_run(instance, DagsterRunStatus.STARTING, tags={"dagster-k8s/config": json.dumps(wanted)})
    launch(instance, run)
    pod = api.jobs[job_name(run)]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {"limits": {"memory": "256Mi"}}
    assert pod["nodeSelector"] == {"disk": "fast"}

    greedy = {"container_config": {"security_context": {"privileged": True}}}
    run = new_run(instance, DagsterRunStatus.STARTING, tags={"dagster-k8s/config": json.dumps(greedy)})
    with pytest.raises(Exception, match=r"violated the allowed list: container_config\.security_context"):
        launch(instance, run)


def test_a_release_may_name_an_account_and_a_tag_may_not(
    instance: dg.DagsterInstance, api: KubernetesApi
) -> None:
    of_release = {"service_account_name": "orders"}
    run = new_run(instance, DagsterRunStatus.STARTING, of_release=of_release)
    launch(instance, run)
    pod = api.jobs[job_name(run)]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "orders"

    asked = {"pod_spec_config": {"service_account_name": "dagster"}}
    run = new_run(instance, DagsterRunStatus.STARTING, tags={"dagster-k8s/config": json.dumps(asked)})
    with pytest.raises(Exception, match=r"violated the allowed list: pod_spec_config\.service_account_name"):
        launch(instance, run)


def test_the_values_of_the_control_plane_are_valid() -> None:
    values = yaml.safe_load((ROOT / "charts-values/dagster/values.yaml").read_text())
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    config = {**launcher["config"], "job_namespace": "dagster"}
    checked = process_config(SlipwayK8sRunLauncher.config_type(), config)
    assert checked.success, checked.errors
    coordinator = values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]
    found = getattr(importlib.import_module(coordinator["module"]), coordinator["class"])
    assert process_config(found.config_type(), coordinator["config"]).success
