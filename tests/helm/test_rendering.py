"""Every release of every environment, rendered: which objects there are, and whether all that they name exists."""

import re

import pytest
import yaml

from support import rendering, run_pods

GOLDEN = rendering.CHECKOUT / "tests/helm/objects.yaml"
_CONTEXT = "DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"
# $$(NAME) is how Kubernetes is told that $(NAME) is meant.
_USED = re.compile(r"(?<!\$)\$\((\w+)\)")
_NAMES = {
    "serviceAccountName": "ServiceAccount",
    "priorityClassName": "PriorityClass",
    "claimName": "PersistentVolumeClaim",
    "secretName": "Secret",
}
_REFERENCES = {
    **dict.fromkeys(("configMap", "configMapRef", "configMapKeyRef"), "ConfigMap"),
    **dict.fromkeys(("secret", "secretRef", "secretKeyRef"), "Secret"),
}
every_release = pytest.mark.parametrize(
    ("environment", "release"), rendering.EVERY_RELEASE, ids=rendering.identity
)
every_environment = pytest.mark.parametrize("environment", rendering.ENVIRONMENTS)


@every_release
def test_a_release_has_the_objects_that_are_written_down(environment, release):
    written = yaml.safe_load(GOLDEN.read_text())[release.name]
    found = [
        f"{each['kind']}/{each['metadata']['name']}"
        for each in rendering.documents(environment, release.name)
    ]
    assert sorted(found) == sorted([*written["all"], *written.get(environment, [])])


def test_what_is_written_down_is_of_releases_that_exist():
    assert set(yaml.safe_load(GOLDEN.read_text())) == {each.name for each in rendering.RELEASES.releases}


@every_environment
def test_no_two_releases_have_the_same_object(environment):
    keys = [(each["kind"], each["metadata"]["name"]) for each in rendering.everything(environment)]
    assert sorted(set(keys)) == sorted(keys)


@every_environment
def test_nothing_leaves_the_namespace(environment):
    namespace = rendering.RELEASES.target(environment).namespace
    assert {each["metadata"].get("namespace", namespace) for each in rendering.everything(environment)} == {
        namespace
    }


@every_release
def test_every_image_is_one_of_ours_with_the_tag_that_was_built(environment, release):
    registry = rendering.RELEASES.target(environment).registry
    allowed = {f"{registry}/slipway/{image}:{rendering.TAG}" for image in release.images.values()}
    found = {
        container["image"]
        for pod in rendering.pods(iter(rendering.documents(environment, release.name)))
        for container in pod.containers
    }
    assert found == allowed


@every_environment
def test_every_location_of_the_workspace_has_its_service_and_its_server(environment):
    workspace = yaml.safe_load(
        rendering.find(environment, "ConfigMap", "slipway-workspace")["data"]["workspace.yaml"]
    )
    namespace = rendering.RELEASES.target(environment).namespace
    served = {}
    for entry in workspace["load_from"]:
        server = entry["grpc_server"]
        name = server["host"].removesuffix(f".{namespace}.svc.cluster.local")
        service = rendering.find(environment, "Service", name)
        assert server["port"] in {port["port"] for port in service["spec"]["ports"]}
        served[server["location_name"]] = service["spec"]["selector"]
    locations = {
        each.code_location: each.name for each in rendering.RELEASES.of(environment) if each.code_location
    }
    assert set(served) == set(locations)
    for location, selector in served.items():
        labels = [
            pod.labels for pod in rendering.pods(iter(rendering.documents(environment, locations[location])))
        ]
        assert [each for each in labels if selector.items() <= each.items()]


@every_environment
def test_every_object_that_a_pod_names_exists(environment):
    rendered = list(rendering.everything(environment))
    existing = {(each["kind"], each["metadata"]["name"]) for each in rendered}
    existing |= {("Secret", name) for name in rendering.RELEASES.secrets_of(environment)}
    locations = [each for each in rendering.RELEASES.of(environment) if each.code_location]
    runs = [run_pods.of(environment, each) for each in locations]
    for pod in [*rendering.pods(iter(rendered)), *runs]:
        assert set(_named(pod.spec)) <= existing, pod.owner


@every_environment
def test_every_key_of_a_secret_that_a_pod_names_is_among_those_that_are_asked_for(environment):
    keys = rendering.RELEASES.secrets_of(environment)
    for pod in rendering.pods(rendering.everything(environment)):
        for container in pod.containers:
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert reference["key"] in keys[reference["name"]], pod.owner


@every_environment
def test_every_variable_that_another_one_uses_is_set(environment):
    maps = {
        each["metadata"]["name"]: each["data"]
        for each in rendering.everything(environment)
        if each["kind"] == "ConfigMap"
    }
    for pod in rendering.pods(rendering.everything(environment)):
        for container in pod.containers:
            # Kubernetes leaves a reference to a variable that isn't set, or set later, as it stands.
            known = {
                name
                for source in container.get("envFrom", [])
                if (of := source.get("configMapRef"))
                for name in maps[of["name"]] or ()
            }
            for variable in container.get("env", []):
                used = set(_USED.findall(variable.get("value", "")))
                if variable["name"] == _CONTEXT:
                    # Runs get what stands there as it stands: a value would be readable in the code server's answers.
                    assert not used & known, pod.owner
                else:
                    assert used <= known, pod.owner
                known.add(variable["name"])


def _named(part):
    """Yield the kind and name of every object that a part of a pod's specification names."""
    if isinstance(part, list):
        for each in part:
            yield from _named(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in _NAMES:
                yield _NAMES[key], value
            elif key in _REFERENCES and "name" in value:
                yield _REFERENCES[key], value["name"]
            yield from _named(value)


@every_environment
def test_every_secret_comes_from_a_store_with_its_keys_where_there_is_one(environment):
    store = rendering.RELEASES.target(environment).external_secrets
    if not store:
        pytest.skip(f"{environment} makes its Secrets")
    wanted = rendering.RELEASES.secrets_of(environment)
    assert wanted == {name: (store.entries[name].key,) for name in wanted}
