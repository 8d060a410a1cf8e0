"""The values files of environments hold differences, and every line of one makes a difference."""

import shutil
from pathlib import Path

import pytest
import yaml

from slipway.deploy.releases import VALUES, source_files
from support import rendering


def _leaves(part, path=()):
    """Yield the path of every value of nested mappings; a list is one value."""
    if isinstance(part, dict) and part:
        for key, value in part.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path


def _without(part, path):
    key, *rest = path
    return {**part, key: _without(part[key], rest)} if rest else {k: v for k, v in part.items() if k != key}


def _deltas():
    for environment, release in rendering.EVERY_RELEASE:
        for file in source_files(rendering.ROOT, release, environment):
            if file.stem.endswith(f"-{environment}"):
                yield environment, release, file


@pytest.mark.parametrize(
    ("environment", "release", "file"),
    list(_deltas()),
    ids=lambda each: each.stem if isinstance(each, Path) else rendering.identity(each),
)
def test_every_value_of_an_environment_changes_what_is_deployed(environment, release, file, tmp_path):
    shutil.copytree(rendering.ROOT / VALUES, tmp_path / VALUES)
    (tmp_path / "helm").symlink_to(rendering.ROOT / "helm")
    content = yaml.safe_load(file.read_text())
    whole = rendering.template(release, environment)
    for path in _leaves(content):
        (tmp_path / file.relative_to(rendering.ROOT)).write_text(yaml.safe_dump(_without(content, path)))
        # Refused without it is a difference, too.
        assert rendering.attempt(release, environment, tmp_path).stdout != whole, ".".join(path)


def test_every_values_file_is_of_a_release():
    known = {
        path
        for environment, release in rendering.EVERY_RELEASE
        for path in source_files(rendering.ROOT, release, environment)
    }
    folder = rendering.ROOT / VALUES
    assert set(folder.glob("*/*.yaml")) == known
