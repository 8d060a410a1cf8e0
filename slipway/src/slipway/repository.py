"""What the repository says: its root, its pinned versions and its code locations.

Reads `dg.toml`, `versions.env` and each code location's `pyproject.toml`; writes nothing.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.errors import RepositoryError

# Dagster's own limit: every place is a row.
LARGEST_POOL = 1000


@dataclass(frozen=True)
class CodeLocation:
    """One project that `dg.toml` lists, and what it wants of the local platform ([tool.slipway.local]).

    Attributes:
        name: as Python and Dagster know it, for example `sales_orders`.
        path: the project's folder.
        module: the module that holds `defs`.
        database: a database that the local Postgres keeps for it, if any.
        database_variable: the environment variable that carries that database's URL.
        owns_database: whether the location writes to the database; otherwise it may only read.
        folders: environment variables that carry a folder each, and the folder below the state folder's `data`.
        demo: the command that fills the empty database or folders, run in the location's environment.
        first_job: the job that `make up` runs once when nothing has been materialized yet.
        pools: how many steps may be in each pool at a time ([tool.slipway.pools]).
        prepare: a command, run in the location's environment, that makes of its sources what loading it takes
            ([tool.slipway] prepare), like dbt's manifest. Quick when nothing changed; needs no platform.
        extras: which of its optional dependencies its image carries ([tool.slipway.image] extras).
    """

    name: str
    path: Path
    module: str
    database: str | None = None
    database_variable: str | None = None
    owns_database: bool = False
    folders: Mapping[str, str] = field(default_factory=dict)
    demo: tuple[str, ...] = ()
    first_job: str | None = None
    pools: Mapping[str, int] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def environment(self) -> Path:
        """The location's own Python environment."""
        return self.path / ".venv"

    def executable(self, program: str) -> Path:
        """A program of the location's own environment."""
        return self.environment / "bin" / program


@dataclass(frozen=True)
class Repository:
    """A checkout of the project."""

    root: Path
    versions: dict[str, str]
    code_locations: tuple[CodeLocation, ...]

    def code_location(self, name: str) -> CodeLocation:
        """Return the code location called `name`.

        Raises:
            RepositoryError: there is none; the message lists those that exist.
        """
        for location in self.code_locations:
            if location.name == name:
                return location
        known = ", ".join(location.name for location in self.code_locations)
        raise RepositoryError(f"There is no code location {name!r}.", f"dg.toml lists: {known}.")


def find_root(start: Path | None = None) -> Path:
    """Return the folder of the checkout around `start` (the working folder by default).

    Raises:
        RepositoryError: no folder above holds a dg.toml with [workspace] and a versions.env.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dg.toml").is_file() and (folder / "versions.env").is_file():
            return folder
    raise RepositoryError(f"{here} is not inside a Slipway checkout.", "Go to the folder that holds dg.toml.")


def read_repository(root: Path) -> Repository:
    """Read the checkout at `root`.

    Raises:
        RepositoryError: a file is missing or names something that does not exist.
    """
    projects = _read_toml(root / "dg.toml").get("workspace", {}).get("projects", [])
    locations = tuple(_read_location(root / project["path"]) for project in projects)
    return Repository(root=root, versions=read_versions(root / "versions.env"), code_locations=locations)


def read_versions(file: Path) -> dict[str, str]:
    """Return the NAME=value lines of versions.env."""
    lines = (line.strip() for line in file.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _read_location(path: Path) -> CodeLocation:
    project = _read_toml(path / "pyproject.toml")
    try:
        module = project["tool"]["dg"]["project"]["root_module"]
    except KeyError:
        raise RepositoryError(
            f"{path / 'pyproject.toml'} names no root_module in [tool.dg.project].",
            "Every code location that dg.toml lists is a dg project.",
        ) from None
    own = project["tool"].get("slipway", {})
    wishes = own.get("local", {})
    return CodeLocation(
        name=module,
        path=path,
        module=f"{module}.definitions",
        database=wishes.get("database"),
        database_variable=wishes.get("database_variable"),
        owns_database=wishes.get("owns_database", False),
        folders=wishes.get("folders", {}),
        demo=tuple(wishes.get("demo", ())),
        first_job=wishes.get("first_job"),
        pools=_pools(own.get("pools", {}), path),
        prepare=tuple(own.get("prepare", ())),
        extras=_extras(project, path),
    )


def _extras(project: dict[str, Any], path: Path) -> tuple[str, ...]:
    wanted = project["tool"].get("slipway", {}).get("image", {}).get("extras", [])
    known = project.get("project", {}).get("optional-dependencies", {})
    for name in wanted:
        if name not in known:
            raise RepositoryError(
                f"{path / 'pyproject.toml'} puts the extra {name!r} into its image, and has none of that name.",
                f"[project.optional-dependencies] has: {', '.join(known) or 'nothing'}.",
            )
    return tuple(wanted)


def _pools(limits: dict[str, Any], path: Path) -> dict[str, int]:
    for name, limit in limits.items():
        if not isinstance(limit, int) or not 1 <= limit <= LARGEST_POOL:
            raise RepositoryError(
                f"{path / 'pyproject.toml'} gives the pool {name!r} the limit {limit!r}.",
                f"A limit is a whole number from 1 to {LARGEST_POOL}.",
            )
    return limits


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise RepositoryError(
            f"{file} is missing.", "dg.toml lists the code locations; see README.md."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise RepositoryError(f"{file} is not valid TOML: {error}", "Correct it and try again.") from error
