"""The lane in which steps wait in queues: its workers and its runs find the same broker, and may do what they have to."""

import pytest

from slipway.launch.queued.app import BROKER_VARIABLE, DEFAULT_QUEUE
from support import rendering, run_pods

every_environment = pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)


def variables(pod):
    """Return the variables of a pod's only container: its value, or where that is."""
    (container,) = pod.containers
    return {each["name"]: each.get("value") or each["valueFrom"] for each in container.get("env") or []}


def workers(environment):
    return [
        pod
        for pod in rendering.pods(rendering.everything(environment))
        if pod.labels.get("app.kubernetes.io/name") == "queue-worker"
    ]


@every_environment
def test_runs_that_queue_and_workers_have_the_same_broker(environment):
    run = variables(run_pods.of(environment, rendering.RELEASES.release("orders", environment)))
    assert "$(SLIPWAY_BROKER_PASSWORD)" in run[BROKER_VARIABLE]
    for worker in workers(environment):
        of_worker = variables(worker)
        assert of_worker[BROKER_VARIABLE] == run[BROKER_VARIABLE]
        assert of_worker["SLIPWAY_BROKER_PASSWORD"] == run["SLIPWAY_BROKER_PASSWORD"]


@every_environment
def test_nobody_else_has_the_broker_s_password(environment):
    having = {
        pod.owner
        for pod in rendering.pods(rendering.everything(environment))
        for container in pod.containers
        for each in container.get("env") or []
        if each.get("valueFrom", {}).get("secretKeyRef", {}).get("name") == "slipway-broker"
    }
    assert having - {"StatefulSet/redis"} == {pod.owner for pod in workers(environment)}


@every_environment
def test_somebody_takes_the_steps_that_name_no_queue(environment):
    taken = {
        queue
        for worker in workers(environment)
        for argument in worker.containers[0]["args"]
        if argument.startswith("--queues=")
        for queue in argument.removeprefix("--queues=").split(",")
    }
    assert DEFAULT_QUEUE in taken


@every_environment
def test_workers_may_make_and_delete_jobs_and_nothing_else(environment):
    role = rendering.find(environment, "Role", "queue-worker")
    rights = {
        (*rule["apiGroups"], *rule["resources"], verb) for rule in role["rules"] for verb in rule["verbs"]
    }
    assert rights == {
        ("batch", "jobs", "create"),
        ("batch", "jobs", "delete"),
        ("batch", "jobs/status", "get"),
    }
