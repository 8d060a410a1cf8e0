"""Values of a release against the schema that its official chart brings along, offline and without gaps.

Helm can't do it: the schema refers to a file on the internet (https://github.com/dagster-io/dagster/issues/29629), and takes
unknown keys in silence, `strategy:` for `deploymentStrategy:`. Here those references are taken for anything, and what the
schema does not list is refused. Does not belong here: our own charts, whose schemas are closed and checked by Helm itself.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from slipway.deploy.errors import DeployError
from slipway.errors import indented

# Values of the chart that its schema leaves out.
_UNLISTED = frozenset({"rbacEnabled", "extraManifests", "nameOverride", "fullnameOverride", "pipelineRun"})


def require_fit(release: str, chart: Path, values: Mapping[str, Any]) -> None:
    """Check the values of a release of the official chart in the folder `chart`.

    Raises:
        DeployError: some don't fit; the message has the path of each and what is wrong with it.
    """
    if found := misfits(chart, values):
        raise DeployError(
            f"The values of {release} don't fit the chart {chart.name}:\n{indented(chr(10).join(found))}",
            f"`slipway values {release} --env …` prints them, `helm show values {chart}` those of the chart.",
        )


def misfits(chart: Path, values: Mapping[str, Any]) -> list[str]:
    """Return `path: what is wrong` of every value that the chart's schema refuses; a value left out is the chart's own."""
    schema = _closed(json.loads((chart / "values.schema.json").read_text()))
    listed = {key: value for key, value in values.items() if key not in _UNLISTED}
    return [
        f"{'.'.join(map(str, each.absolute_path)) or 'at the top'}: {each.message}"
        for each in Draft202012Validator(schema).iter_errors(listed)
        if each.validator != "required"
    ]


def _closed(schema: Any) -> Any:
    """Return a schema whose objects take no key that it doesn't list, and whose remote references take anything."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("$ref", "")).startswith("http"):
        return {}
    result = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result["additionalProperties"] = False
    return result
