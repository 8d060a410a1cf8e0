"""Pods satisfy the Pod Security Standard `restricted`, and what we ask besides; those of runs, too.

The standard: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

import re

import pytest

from support import rendering, run_pods

HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
# Who works with the Kubernetes API: launches runs, ends them, cleans up after them, starts pods for steps. Code servers only
# because the official chart mounts a token into each; their accounts may do nothing, or as little as their runs.
WITH_TOKEN = re.compile(
    r"Deployment/dagster-.*|CronJob/cleanup|Deployment/queue-worker-.*|run of orders|Deployment/.*-dagster-user-deployments-.*"
)
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY")
# With a password, and not with the place of one: $(NAME) for Kubernetes, {name} for `slipway deploy`.
_LOGIN = re.compile(r"://[^/@\s:]*:(?!\${1,2}\(\w+\)@|\{\w+\}@)[^/@\s]+@")


def _pods():
    for environment in rendering.ENVIRONMENTS:
        yield from ((environment, pod) for pod in rendering.pods(rendering.everything(environment)))
        for release in rendering.RELEASES.of(environment):
            if release.code_location:
                yield environment, run_pods.of(environment, release)


@pytest.fixture(scope="module")
def pods():
    """All pods of all environments."""
    return list(_pods())


def _offenders(pods, is_right):
    """Return the names of the pods with a container, or none, for which `is_right(container, pod)` doesn't hold."""
    return {
        f"{environment}: {pod.owner}: {container['name']}"
        for environment, pod in pods
        for container in pod.containers
        if not is_right(container, pod.spec)
    }


def _own(container):
    return container.get("securityContext") or {}


def _security(pod, container, key):
    return _own(container).get(key, (pod.get("securityContext") or {}).get(key))


def test_no_pod_has_anything_of_the_node(pods):
    for environment, pod in pods:
        where = f"{environment}: {pod.owner}"
        assert not any(pod.spec.get(field) for field in HOST_FIELDS), where
        kinds = {kind for volume in pod.spec.get("volumes") or [] for kind in volume if kind != "name"}
        assert kinds <= VOLUMES, where
    assert not _offenders(
        pods, lambda container, _: not any(port.get("hostPort") for port in container.get("ports") or [])
    )


def test_no_container_is_root_or_can_become_it(pods):
    assert not _offenders(pods, lambda container, pod: _security(pod, container, "runAsNonRoot") is True)
    assert not _offenders(pods, lambda container, pod: (_security(pod, container, "runAsUser") or 0) > 0)
    assert not _offenders(
        pods,
        lambda container, _: (
            _own(container).get("allowPrivilegeEscalation") is False and not _own(container).get("privileged")
        ),
    )


def test_no_container_has_a_capability(pods):
    assert not _offenders(
        pods,
        lambda container, _: _own(container).get("capabilities") == {"drop": ["ALL"]},
    )


def test_system_calls_are_filtered(pods):
    assert not _offenders(
        pods, lambda container, pod: _security(pod, container, "seccompProfile") == {"type": "RuntimeDefault"}
    )


def test_no_container_can_write_to_its_image(pods):
    assert not _offenders(
        pods,
        lambda container, _: _own(container).get("readOnlyRootFilesystem") is True,
    )


def test_every_container_says_what_it_needs_and_how_much_memory_it_may_take(pods):
    def says(container, _):
        resources = container.get("resources") or {}
        return {"cpu", "memory"} <= set(resources.get("requests", {})) and "memory" in resources.get(
            "limits", {}
        )

    assert not _offenders(pods, says)


def test_only_those_who_work_with_the_kubernetes_api_have_a_token_for_it(pods):
    accounts = {
        (environment, each["metadata"]["name"]): each.get("automountServiceAccountToken", True)
        for environment in rendering.ENVIRONMENTS
        for each in rendering.everything(environment)
        if each["kind"] == "ServiceAccount"
    }
    for environment, pod in pods:
        account = pod.spec.get("serviceAccountName", "default")
        mounted = pod.spec.get("automountServiceAccountToken", accounts.get((environment, account), True))
        assert not mounted or WITH_TOKEN.fullmatch(pod.owner), f"{environment}: {pod.owner}"


def test_no_secret_is_in_what_is_deployed(pods):
    for environment in rendering.ENVIRONMENTS:
        assert not [each for each in rendering.everything(environment) if each["kind"] == "Secret"]
    for environment, pod in pods:
        for container in pod.containers:
            for variable in container.get("env") or []:
                value = variable.get("value") or ""
                where = f"{environment}: {pod.owner}: {variable['name']}"
                assert not _LOGIN.search(value), where
                assert not value or not _SECRET.search(variable["name"]), where


def test_no_values_file_has_a_login():
    for file in (rendering.ROOT / "charts-values").rglob("*.yaml"):
        assert not _LOGIN.search(file.read_text()), file
