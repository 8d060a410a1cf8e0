"""The Dagster instance of every environment: its settings are those of the local platform wherever both have them."""

import json
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from slipway import limits
from support import infrastructure, rendering, run_pods

every_environment = pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)


@every_environment
def test_dagster_reads_the_settings(environment, tmp_path):
    Path(tmp_path, "dagster.yaml").write_text(yaml.safe_dump(run_pods.settings(environment)))
    coordinator = InstanceRef.from_dir(str(tmp_path)).run_coordinator
    assert coordinator.dequeue_interval_seconds == 1
    assert coordinator.dequeue_use_threads


@every_environment
def test_lost_and_hanging_runs_are_treated_as_on_the_local_platform(environment):
    settings = run_pods.settings(environment)
    monitoring = settings["run_monitoring"]
    # A run is taken up again only where its steps have pods of their own; the chart always says it.
    assert monitoring.pop("max_resume_run_attempts") == 0
    assert monitoring == limits.RUN_MONITORING
    assert settings["run_retries"] == limits.RUN_RETRIES


@every_environment
def test_runs_queue_as_on_the_local_platform(environment):
    concurrency = run_pods.settings(environment)["concurrency"]
    runs = concurrency["runs"]
    assert runs == limits.run_queue(runs["max_concurrent_runs"])
    assert concurrency["pools"] == {"granularity": "op"}


@every_environment
def test_the_quota_has_room_for_the_runs_that_the_queue_starts(environment):
    quota = rendering.find(environment, "ResourceQuota", "runs")["spec"]["hard"]
    assert int(quota["pods"]) > run_pods.settings(environment)["concurrency"]["runs"]["max_concurrent_runs"]


@every_environment
def test_nothing_is_reported_to_others(environment):
    assert run_pods.settings(environment)["telemetry"] == {"enabled": False}


@every_environment
def test_runs_can_read_the_settings_of_the_run_launcher(environment):
    # Runs that start pods for their steps make them as the launcher would.
    needed = {
        value["env"]
        for value in run_pods.settings(environment)["run_launcher"]["config"].values()
        if _is_variable(value)
    }
    assert needed
    assert needed <= set(rendering.find(environment, "ConfigMap", "slipway-environment")["data"])


def _is_variable(value):
    return isinstance(value, dict) and set(value) == {"env"}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_no_more_runs_go_at_a_time_than_the_database_was_planned_for(environment):
    planned = json.loads(infrastructure.recorded(environment).read_text())["connection_budget"]["value"]
    assert run_pods.settings(environment)["concurrency"]["runs"]["max_concurrent_runs"] <= planned["runs"]
    webservers = rendering.find(environment, "Deployment", "dagster-dagster-webserver")["spec"]["replicas"]
    assert f" {webservers} webservers x" in planned["arithmetic"]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_runs_of_orders_go_to_the_machines_that_terraform_makes_for_runs(environment):
    group = json.loads(infrastructure.recorded(environment).read_text())["node_groups"]["value"]["runs"]
    run = run_pods.of(environment, rendering.RELEASES.release("orders", environment)).spec
    assert run["nodeSelector"] == {group["label"]["key"]: group["label"]["value"]}
    taint = {**group["taint"], "effect": "NoSchedule"}
    assert run["tolerations"] == [{**taint, "operator": "Equal"}]
