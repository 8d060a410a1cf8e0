"""Values fit their chart's schema, nothing in them is passed over, and what is rendered fits the Kubernetes API's own schema.

The official chart's schema refers to a file on the internet (https://github.com/dagster-io/dagster/issues/29629); those
references are taken for anything. It takes unknown keys in silence, `strategy:` for `deploymentStrategy:`; here it doesn't.
"""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from slipway.deploy import charts
from slipway.deploy.releases import values_files
from slipway.deploy.values import merged
from slipway.local.repository import read_repository
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


# Values of the chart that its schema leaves out.
UNLISTED = (
    "rbacEnabled",
    "extraManifests",
    "nameOverride",
    "fullnameOverride",
    "pipelineRun",
    "extraManifests",
)


def chart(environment: str, name: str) -> Path:
    try:
        return charts.find(rendering.ROOT, rendering.RELEASES.release(name, environment).chart)
    except charts.ChartMissingError as missing:
        pytest.skip(str(missing))


def values(environment: str, name: str) -> Document:
    """Return a release's own values, with an image as `slipway deploy` sets it."""
    result: Document = {}
    for file in values_files(rendering.ROOT, rendering.RELEASES.release(name, environment), environment):
        result = merged(result, yaml.safe_load(file.read_text()) or {})
    for deployment in result.get("deployments", []):
        deployment["image"]["repository"] = "example"
    return result


def errors(schema: Document, content: Document) -> list[str]:
    """Return what the schema says; what may be left out, for the chart's own values, is not missed."""
    known = {key: value for key, value in content.items() if key not in UNLISTED}
    return [
        f"{'.'.join(map(str, each.absolute_path))}: {each.message}"
        for each in Draft202012Validator(schema).iter_errors(known)
        if each.validator != "required"
    ]


@cache
def chart_schema(folder: Path) -> Document:
    return dict(closed(json.loads((folder / "values.schema.json").read_text())))


def closed(schema: Any) -> Any:
    """Return a schema whose objects take no key that it doesn't list, and whose remote references take anything."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("$ref", "")).startswith("http"):
        return {}
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result["additionalProperties"] = False
    return result


@pytest.mark.parametrize(("environment", "name"), OFFICIAL)
def test_values_fit_the_official_chart(environment: str, name: str) -> None:
    folder = chart(environment, name)
    found = errors(chart_schema(folder), values(environment, name))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("environment", "name"), OFFICIAL)
def test_values_use_nothing_that_the_oldest_chart_lacks(environment: str, name: str) -> None:
    for deployment in values(environment, name).get("deployments", []):
        assert not set(NEWER) & set(deployment), "guard for it by the chart's version"


def test_a_misspelt_value_is_refused() -> None:
    folder = chart("kind", "orders")
    content = values("kind", "orders")
    content["deployments"][0]["strategy"] = content["deployments"][0].pop("deploymentStrategy")
    (found,) = errors(chart_schema(folder), content)
    assert "strategy" in found


@cache
def api_schema() -> Document:
    """Return the API server's schema (Swagger 2), as a JSON schema that takes no unknown field."""
    version = read_repository(rendering.ROOT).versions["KUBERNETES_VERSION"]
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
