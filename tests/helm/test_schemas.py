"""Values fit their chart's schema, nothing in them is passed over, and what is rendered fits the Kubernetes API's own schema."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slipway.deploy import charts, schemas
from slipway.deploy.errors import DeployError
from slipway.deploy.releases import values_of
from slipway.repository import read_repository
from support import rendering

Document = dict[str, Any]
OFFICIAL = [
    (environment, release.name)
    for environment in rendering.ENVIRONMENTS
    for release in rendering.RELEASES.of(environment)
    if release.is_official
]
EVERY = [(environment, release.name) for environment, release in rendering.EVERY_RELEASE]
# Newer than the oldest chart that this works with: the first chart that has it.
NEWER = {"replicaCount": (1, 13, 0)}


def chart(environment: str, name: str) -> Path:
    try:
        return charts.find(rendering.ROOT, rendering.RELEASES.release(name, environment).chart)
    except charts.ChartMissingError as missing:
        pytest.skip(str(missing))


def values(environment: str, name: str) -> Document:
    """Return a release's own values, with an image as `slipway deploy` sets it."""
    result = values_of(rendering.ROOT, rendering.RELEASES.release(name, environment), environment)
    for deployment in result.get("deployments", []):
        deployment["image"]["repository"] = "example"
    return result


@pytest.mark.parametrize(("environment", "name"), OFFICIAL)
def test_values_fit_the_official_chart(environment: str, name: str) -> None:
    schemas.require_fit(name, chart(environment, name), values(environment, name))


@pytest.mark.parametrize(("environment", "name"), OFFICIAL)
def test_values_use_nothing_that_the_oldest_chart_lacks(environment: str, name: str) -> None:
    for deployment in values(environment, name).get("deployments", []):
        assert not set(NEWER) & set(deployment), "guard for it by the chart's version"


def test_a_misspelt_value_is_refused() -> None:
    content = values("kind", "orders")
    content["deployments"][0]["strategy"] = content["deployments"][0].pop("deploymentStrategy")
    with pytest.raises(DeployError, match=r"deployments\.0: .*'strategy' was unexpected"):
        schemas.require_fit("orders", chart("kind", "orders"), content)


@cache
def api_schema() -> Document:
    """Return the API server's schema (Swagger 2), as a JSON schema that takes no unknown field."""
    version = read_repository(rendering.CHECKOUT).versions["KUBERNETES_VERSION"]
    module = f"k8s.io/kubernetes@v{version}"
    cache_of_go = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=False)
    file = Path(cache_of_go.stdout.strip() or "/none", module, "api/openapi-spec/swagger.json")
    if not file.is_file():
        pytest.skip(f"{module} is not in Go's cache of modules: `make kind-up` brings it there")
    definitions = json.loads(file.read_text())["definitions"]
    return {"definitions": {name: _strict(name, each) for name, each in definitions.items()}}


def _strict(name: str, definition: Document) -> Any:
    if name.endswith(("util.intstr.IntOrString", "api.resource.Quantity")):
        return {"type": ["string", "integer", "number"]}
    result = dict(definition)
    if "properties" in result:
        result["additionalProperties"] = False
        # Helm renders what a value leaves empty as null; the API server takes it for absent.
        result["properties"] = {key: _nullable(each) for key, each in result["properties"].items()}
    return result


def _nullable(schema: Document) -> Document:
    return {"anyOf": [schema, {"type": "null"}]}


@cache
def kinds() -> dict[tuple[str, str], str]:
    found = {}
    for name, definition in api_schema()["definitions"].items():
        for kind in (
            definition.get("x-kubernetes-group-version-kind", []) if "properties" in definition else []
        ):
            version = "/".join(filter(None, (kind["group"], kind["version"])))
            found[version, kind["kind"]] = name
    return found


def api_errors(document: Document) -> list[str]:
    name = kinds().get((document["apiVersion"], document["kind"]))
    if not name:
        return [f"the API has no {document['apiVersion']} {document['kind']}"]
    validator = Draft202012Validator({**api_schema(), "$ref": f"#/definitions/{name}"})
    found = []
    for error in validator.iter_errors(document):
        # Of several possibilities, what was wrong with the one that was meant.
        while error.context:
            error = max(error.context, key=lambda each: len(each.absolute_path))  # noqa: PLW2901
        found.append(f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    return found


@pytest.mark.parametrize(("environment", "name"), EVERY)
def test_what_is_rendered_fits_the_api(environment: str, name: str) -> None:
    for document in rendering.documents(environment, name):
        found = api_errors(document)
        assert not found, f"{document['kind']} {document['metadata']['name']}: {found}"


def test_an_unknown_field_of_an_object_is_found() -> None:
    (document,) = [each for each in rendering.documents("kind", "platform") if each["kind"] == "CronJob"]
    changed = json.loads(json.dumps(document))
    changed["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    (found,) = api_errors(changed)
    assert "imagePolicy" in found
