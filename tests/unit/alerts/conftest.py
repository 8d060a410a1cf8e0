from pathlib import Path

import pytest

from support.dagster_double import Dagster
from support.watching import Watch


@pytest.fixture
def dagster() -> Dagster:
    return Dagster()


@pytest.fixture
def watch(tmp_path: Path, dagster: Dagster) -> Watch:
    return Watch(tmp_path, dagster)
