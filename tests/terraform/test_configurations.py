"""Every configuration below terraform/, without an account or a network: style, validity, tests.

All tests are in terraform/tests and run in one process, which loads the provider's schema once: a third of the time. `terraform
test` validates what it tests.
"""

import json
import re
from pathlib import Path

import pytest

from support import infrastructure as infra

_OUTPUT = re.compile(r'^output "(\w+)"', re.MULTILINE)
_TESTED = re.compile(r'^    source = "\./(\S+)"$', re.MULTILINE)
_SUMMARY = re.compile(r"^(?:Success|Failure)! (\d+) passed, (\d+) failed", re.MULTILINE)


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return infra.copied(tmp_path_factory.mktemp("configurations"))


def test_files_are_formatted():
    done = infra.terraform().call(infra.CODE, "fmt", "-check", "-diff", "-recursive", "-no-color")
    assert not done.returncode, (
        f"`terraform fmt -recursive terraform` would change:\n{done.stdout}{done.stderr}"
    )


def test_every_configuration_passes_its_tests(code):
    infra.initialise(code)
    said = infra.succeeded(infra.terraform().call(code, "test", "-no-color"))
    passed, failed = map(int, _SUMMARY.search(said).groups())
    assert passed
    assert not failed


def test_every_configuration_has_tests():
    named = {
        Path(folder)
        for file in infra.CODE.glob("tests/*.tftest.hcl")
        for folder in _TESTED.findall(file.read_text())
    }
    assert named == set(infra.FOLDERS) - {Path()}


def test_what_was_recorded_of_both_environments_is_all_that_they_put_out():
    dev, prod = (json.loads(infra.recorded(name).read_text()) for name in ("dev", "prod"))
    written = set(_OUTPUT.findall((infra.CODE / "environments/shared/outputs.tf").read_text()))
    assert set(dev) == set(prod) == written - set(infra.NOT_FOR_CHARTS)
    for name in dev:
        assert _shape(dev[name]["value"]) == _shape(prod[name]["value"]), name


def _shape(value):
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return type(value)
