"""Flower, which is off unless a release asks for it: what it may do, and who reaches it."""

import subprocess

import pytest
import yaml

from support import rendering
from support.network import Place, reaches

ON = """
queues:
  workers: {one: {queues: [dagster], replicas: 1, concurrency: 1}}
  image: {repository: example/dagster, tag: "1"}
  flower: {enabled: true}
cleanup: {image: {repository: example/dagster, tag: "1"}}
environment: {SLIPWAY_ENV: kind}
codeLocations: {orders: {service: orders, queue: true}}
"""
NAMESPACE = "slipway"
FLOWER = Place({"app.kubernetes.io/name": "flower", "app.kubernetes.io/instance": "platform"}, NAMESPACE)
REDIS = Place({"app.kubernetes.io/name": "redis", "app.kubernetes.io/part-of": "slipway"}, NAMESPACE)
WORKER = Place(
    {"app.kubernetes.io/name": "queue-worker", "app.kubernetes.io/instance": "platform"}, NAMESPACE
)
WEBSERVER = Place({"component": "dagster-webserver", "app.kubernetes.io/instance": "dagster"}, NAMESPACE)
API = Place(address="10.0.0.10")


def platform(tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(values)
    command = [
        rendering.helm(),
        "template",
        "platform",
        rendering.ROOT / "helm/platform",
        "--namespace",
        NAMESPACE,
    ]
    done = subprocess.run([*command, "--values", file], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.fixture
def rendered(tmp_path):
    return platform(tmp_path, ON)


@pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)
def test_it_is_off_by_default(environment):
    assert not [each for each in rendering.everything(environment) if each["metadata"]["name"] == "flower"]


def test_it_is_restricted_and_has_no_way_in_without_a_password(rendered):
    (pod,) = [pod for pod in rendering.pods(rendered) if pod.owner == "Deployment/flower"]
    assert pod.spec["automountServiceAccountToken"] is False
    assert pod.spec["securityContext"]["runAsNonRoot"]
    assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod.containers
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    variables = {each["name"]: each for each in container["env"]}
    assert variables["FLOWER_BASIC_AUTH"]["value"] == "operator:$(SLIPWAY_FLOWER_PASSWORD)"
    reference = {"name": "slipway-flower", "key": "password"}
    assert variables["SLIPWAY_FLOWER_PASSWORD"]["valueFrom"] == {"secretKeyRef": reference}
    # No Service: nothing in the cluster leads to it.
    assert not [
        each for each in rendered if each["kind"] == "Service" and each["metadata"]["name"] == "flower"
    ]


@pytest.mark.parametrize(
    ("origin", "target", "port", "reached"),
    [
        (FLOWER, REDIS, 6379, True),
        (FLOWER, API, 443, False),
        (FLOWER, API, 6443, False),
        (FLOWER, WEBSERVER, 3000, False),
        (WORKER, FLOWER, 5555, False),
        (WEBSERVER, FLOWER, 5555, False),
        (API, FLOWER, 5555, False),
    ],
)
def test_it_reaches_redis_and_nobody_reaches_it(rendered, origin, target, port, reached):
    policies = [each for each in rendered if each["kind"] == "NetworkPolicy"]
    assert reaches(policies, NAMESPACE, origin, target, (port, "TCP")) is reached


def test_without_it_its_pods_would_not_reach_redis(tmp_path):
    off = platform(tmp_path, ON.replace("enabled: true", "enabled: false"))
    policies = [each for each in off if each["kind"] == "NetworkPolicy"]
    assert not reaches(policies, NAMESPACE, FLOWER, REDIS, (6379, "TCP"))
