"""`dg` works at the root and in every code location, in a shell that sets nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.repository import CodeLocation, read_repository

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = read_repository(ROOT)
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "ORDERS_"))}


def dg(folder: Path, program: Path, *arguments: str) -> str:
    """Run dg in a folder and return what it printed."""
    environment = {**BARE, "VIRTUAL_ENV": str(program.parents[1]), "COLUMNS": "200"}
    command = [str(program), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_dg_checks_every_location_from_the_root() -> None:
    said = dg(ROOT, Path(sys.executable).with_name("dg"), "check", "defs")
    assert "All definitions loaded successfully" in said
    listed = dg(ROOT, Path(sys.executable).with_name("dg"), "list", "projects")
    for location in REPOSITORY.code_locations:
        assert str(location.path.relative_to(ROOT)) in listed


@pytest.mark.parametrize("location", REPOSITORY.code_locations, ids=lambda location: location.name)
def test_dg_lists_the_definitions_of_a_location(location: CodeLocation) -> None:
    dg(location.path, location.executable("dg"), "list", "defs")


@pytest.mark.parametrize(
    "arguments", [("check", "toml"), ("check", "yaml"), ("list", "components")], ids=" ".join
)
def test_dg_works_in_a_location(arguments: tuple[str, ...]) -> None:
    # Does not depend on what a location defines: of one of them only, for each call takes seconds.
    location = REPOSITORY.code_locations[0]
    dg(location.path, location.executable("dg"), *arguments)
