"""What our launcher makes of a run: one Job, within bounds, with the stamps of the code that it runs."""

import importlib
import json
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._config import process_config

from slipway.launch.kubernetes import SlipwayK8sRunLauncher
from slipway.launch.kubernetes.client import KubernetesUnreachableError
from slipway.launch.stamps import FAILURE_REASON_TAG, IMAGE_DIGEST_TAG, REVISION_TAG, VERSION_TAG
from support.job_runs import job_name, launch, new_run, stored
from support.kubernetes_api import KubernetesApi

ROOT = Path(__file__).parents[3]
DIGEST = "sha256:" + "ab" * 32


def test_its_config_is_that_of_dagsters_launcher() -> None:
    config = {
        "service_account_name": "runs",
        "instance_config_map": "instance",
        "load_incluster_config": True,
    }
    assert process_config(SlipwayK8sRunLauncher.config_type(), config).success
    assert not process_config(SlipwayK8sRunLauncher.config_type(), {**config, "surprise": 1}).success


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
