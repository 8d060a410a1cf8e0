"""A real Postgres for the tests, and the demo's downloads."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from newsroom import Newsroom

from editorial.build import build
from editorial.demo.__main__ import main as demo
from slipway.testing.postgres import Database, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(server: Database) -> Callable[[str], Database]:
    """Make an empty database of that name."""
    return server.made_anew


@pytest.fixture(scope="session", autouse=True)
def _manifest() -> None:
    build()


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's downloads. Not to be changed: copy them."""
    folder = tmp_path_factory.mktemp("raw-download")
    assert demo(["write", "--folder", str(folder), "--rows", "90"]) == 0
    return folder


@pytest.fixture
def newsroom(new_database: Callable[[str], Database], downloads: Path, tmp_path: Path) -> Newsroom:
    """An empty warehouse, and downloads of one's own to change."""
    folder = tmp_path / "raw-download"
    shutil.copytree(downloads, folder)
    return Newsroom(new_database("newsroom"), folder)
