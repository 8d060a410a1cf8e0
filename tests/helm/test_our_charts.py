"""Our own charts: clean with everything on, and closed to values that they don't know."""

import copy
import json
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from support import rendering

every_chart = pytest.mark.parametrize("name", ["backing", "platform"])


@every_chart
def test_it_is_clean_with_everything_on(name):
    file = Path(__file__).parent / "everything-on" / f"{name}.yaml"
    command = [rendering.helm(), "lint", "--strict", rendering.ROOT / "helm" / name, "--values", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _objects(content, path=()):
    yield path
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _objects(value, (*path, key))


@every_chart
def test_it_refuses_values_that_it_does_not_know_at_any_depth(name):
    content = yaml.safe_load((rendering.ROOT / "helm" / name / "values.yaml").read_text())
    schema = Draft202012Validator(
        json.loads((rendering.ROOT / "helm" / name / "values.schema.json").read_text())
    )
    assert schema.is_valid(content)
    for path in _objects(content):
        changed = copy.deepcopy(content)
        at = changed
        for key in path:
            at = at[key]
        at["no such key!"] = {"at": "all"}
        assert not schema.is_valid(changed), ".".join(path)
