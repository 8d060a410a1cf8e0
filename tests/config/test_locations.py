"""What every code location has to keep to: pools that are declared, and executors that sleep while a step waits."""

import json
import os
import subprocess
from typing import TypedDict

import pytest

from slipway.local import pools
from slipway.repository import CodeLocation, read_repository
from support.platform import ROOT

REPOSITORY = read_repository(ROOT)
# The pool of every op of every job: assets and checks have one each, in Dagster's own job at least.
SAID = """
import json, sys
from importlib import import_module
from slipway import launch

ours = [getattr(launch, name) for name in launch.__all__]
jobs = import_module(sys.argv[1]).defs().get_repository_def().get_all_jobs()
print(json.dumps({
    "pools": sorted({pool for job in jobs for node in job.all_node_defs for pool in node.pools}),
    "other_executors": {job.name: job.executor_def.name for job in jobs if job.executor_def not in ours},
}))
"""


class Said(TypedDict):
    """What a code location says of itself: pools in use, and jobs whose executor is not of `slipway.launch`."""

    pools: list[str]
    other_executors: dict[str, str]


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
