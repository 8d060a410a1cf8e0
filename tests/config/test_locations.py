"""What every code location has to keep to: pools and executors, and rights in the cloud that are those it needs."""

import json
import os
import shutil
import subprocess
from typing import Any, TypedDict

import pytest

from slipway.local import pools
from slipway.repository import CodeLocation, read_repository
from support import infrastructure as infra
from support.platform import ROOT

REPOSITORY = read_repository(ROOT)
# The pool of every op of every job: assets and checks have one each, in Dagster's own job at least. And its own assets and those of
# others, if it keeps any in the bucket.
SAID = """
import json, sys
from importlib import import_module
from slipway import launch

ours = [getattr(launch, name) for name in launch.__all__]
defs = import_module(sys.argv[1]).defs()
repository = defs.get_repository_def()
jobs, graph = repository.get_all_jobs(), repository.asset_graph
stored = "io_manager" in defs.resources
print(json.dumps({
    "pools": sorted({pool for job in jobs for node in job.all_node_defs for pool in node.pools}),
    "other_executors": {job.name: job.executor_def.name for job in jobs if job.executor_def not in ours},
    "assets": [key.path for key in graph.materializable_asset_keys if stored],
    "reads": [key.path for key in graph.external_asset_keys if stored],
}))
"""


class Said(TypedDict):
    """What a code location says of itself: pools in use, jobs whose executor is not of `slipway.launch`, keys of assets."""

    pools: list[str]
    other_executors: dict[str, str]
    assets: list[list[str]]
    reads: list[list[str]]


@pytest.fixture(scope="module", params=REPOSITORY.code_locations, ids=lambda location: location.name)
def location(request: pytest.FixtureRequest) -> CodeLocation:
    return request.param


@pytest.fixture(scope="module")
def said(location: CodeLocation) -> Said:
    done = subprocess.run(
        [str(location.executable("python")), "-c", SAID, location.module],
        cwd=location.path,
        env={**os.environ, "SLIPWAY_ENV": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_pool_in_use_is_declared_and_the_other_way_round(location: CodeLocation, said: Said) -> None:
    assert said["pools"] == sorted(location.pools)


def test_every_job_has_an_executor_of_slipway(said: Said) -> None:
    """Dagster's own takes a whole core while a step waits for a pool, and says nothing of a lost pod."""
    assert not said["other_executors"], "executor= and executor_def= come from slipway.launch"


def test_no_two_locations_disagree() -> None:
    assert pools.declared(REPOSITORY.code_locations)


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What Terraform gives to each code location, in every environment."""
    folder = tmp_path_factory.mktemp("granted")
    shutil.copy(infra.CODE / "environments" / "shared" / "code_locations.tf", folder)
    asked = "jsonencode(local.code_locations)\n"
    done = infra.terraform().call(folder, "console", "-no-color", given=asked)
    return json.loads(json.loads(infra.succeeded(done)))


def test_terraform_lets_it_write_its_assets_and_read_those_of_others(
    location: CodeLocation, said: Said, granted: dict[str, dict[str, Any]]
) -> None:
    """Keys that begin with the location's own name need no mention: modules/identity has them."""
    name, rights = location.name.replace("-", "_"), granted[location.name]
    assert sorted(rights.get("assets", [])) == sorted(
        "/".join(path) for path in said["assets"] if path[0] != name
    )
    assert sorted(rights.get("reads", [])) == sorted("/".join(path) for path in said["reads"])


def test_terraform_knows_every_location(granted: dict[str, dict[str, Any]]) -> None:
    assert sorted(granted) == sorted(each.name for each in REPOSITORY.code_locations)
