"""Every configuration below terraform/ on its own, without an account or a network: style, validity, its own tests.

`terraform test` validates a configuration first; those without tests of their own are validated.
"""

import re

import pytest

from support import infrastructure as infra

_SUMMARY = re.compile(r"^(?:Success|Failure)! (\d+) passed, (\d+) failed", re.MULTILINE)


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return infra.copied(tmp_path_factory.mktemp("configurations"))


def test_files_are_formatted():
    done = infra.terraform().call(infra.CODE, "fmt", "-check", "-diff", "-recursive", "-no-color")
    assert not done.returncode, (
        f"`terraform fmt -recursive terraform` would change:\n{done.stdout}{done.stderr}"
    )


@pytest.mark.parametrize("folder", infra.FOLDERS, ids=str)
def test_a_configuration_is_valid_and_passes_its_own_tests(code, folder):
    infra.initialise(code / folder)
    if not list((code / folder).glob("tests/*.tftest.hcl")):
        infra.succeeded(infra.terraform().call(code / folder, "validate", "-no-color"))
        return
    said = infra.succeeded(infra.terraform().call(code / folder, "test", "-no-color"))
    passed, failed = map(int, _SUMMARY.search(said).groups())
    assert passed
    assert not failed
