"""Values are checked against a chart's schema without the internet, and none is passed over."""

import json
from pathlib import Path

import pytest

from slipway.deploy import schemas
from slipway.deploy.errors import DeployError

SCHEMA = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "replicas": {"type": "integer"},
        "resources": {"$ref": "https://nowhere.invalid/definitions.json#/Resources"},
        "probe": {"type": "object", "properties": {"path": {"type": "string"}}},
        "image": {"type": "string"},
    },
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    tmp_path.joinpath("values.schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path


def test_values_that_fit_are_taken(chart: Path) -> None:
    schemas.require_fit("x", chart, {"replicas": 2, "resources": {"any": "thing"}, "probe": {"path": "/"}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": "two"}, "replicas: 'two' is not of type 'integer'"),
        ({"replica": 2}, r"at the top: .*'replica' was unexpected"),
        ({"probe": {"pth": "/"}}, r"probe: .*'pth' was unexpected"),
    ],
)
def test_what_does_not_fit_is_named(chart: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(DeployError, match=said) as refused:
        schemas.require_fit("orders", chart, values)
    assert "slipway values orders" in refused.value.hint
