"""The pools that code locations declare in pyproject.toml, and those that their steps are in."""

import json
import os
import subprocess

import pytest

from slipway.local import pools
from slipway.repository import CodeLocation, read_repository
from support.platform import ROOT

REPOSITORY = read_repository(ROOT)
# The pool of every op of every job: assets and checks have one each, in Dagster's own job at least.
USED = """
import json, sys
from importlib import import_module

jobs = import_module(sys.argv[1]).defs().get_repository_def().get_all_jobs()
print(json.dumps(sorted({pool for job in jobs for node in job.all_node_defs for pool in node.pools})))
"""


@pytest.mark.parametrize("location", REPOSITORY.code_locations, ids=lambda location: location.name)
def test_every_pool_in_use_is_declared_and_the_other_way_round(location: CodeLocation) -> None:
    done = subprocess.run(
        [str(location.executable("python")), "-c", USED, location.module],
        cwd=location.path,
        env={**os.environ, "SLIPWAY_ENV": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == sorted(location.pools)


def test_no_two_locations_disagree() -> None:
    assert pools.declared(REPOSITORY.code_locations)
