"""A new code location: its files, its lock, its entry in `dg.toml`. All of it or nothing.

The template is the core of the code location `sales`, with its name replaced: files in a folder become an
asset and its totals, with a sensor, checks, demo data and tests. `tests/config` holds the two together.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import indented
from slipway.local.errors import LocalPlatformError
from slipway.repository import Repository
from slipway.scaffold.names import check_name

TEMPLATE = Path(__file__).parent / "template"
ENDING = ".template"
"""Of every file of the template, so that no tool takes it for what it is not yet."""
PACKAGE = "package"
"""The folder of the template that becomes `src/<name>`."""


def new_location(repository: Repository, name: str, *, dry_run: bool = False) -> list[Path]:
    """Create `code_locations/<name>`, lock it and list it in `dg.toml`; return its files, relative to the root.

    The folder is built aside and moved into place. With `dry_run` nothing is written.

    Raises:
        LocalPlatformError: the name can't be used, or the lock could not be made; nothing is left behind.
    """
    check_name(name, repository)
    files = rendered(name)
    folder = repository.root / "code_locations" / name
    paths = [(folder / file).relative_to(repository.root) for file in [*sorted(files), "uv.lock"]]
    if dry_run:
        return paths
    with _aside(folder) as aside:
        for file, text in files.items():
            (aside / file).parent.mkdir(parents=True, exist_ok=True)
            (aside / file).write_text(text)
        tidy(aside)
        _lock(aside, repository)
        aside.rename(folder)
    try:
        _list_it(repository.root / "dg.toml", name)
    except OSError:
        shutil.rmtree(folder)
        raise
    return paths


def rendered(name: str) -> dict[str, str]:
    """Return the files of a location called `name`, by their path below its folder."""
    found = {}
    for file in sorted(TEMPLATE.rglob(f"*{ENDING}")):
        path = file.relative_to(TEMPLATE).as_posix().removesuffix(ENDING)
        if path.startswith(f"{PACKAGE}/"):
            path = f"src/{name}{path.removeprefix(PACKAGE)}"
        found[_filled(path, name)] = _imports_in_order(_filled(file.read_text(), name), name)
    return found


def _filled(text: str, name: str) -> str:
    return text.replace("{{name}}", name).replace("{{NAME}}", name.upper())


def _imports_in_order(text: str, name: str) -> str:
    """Sort the imports of first-party modules as `ruff` wants them: their order depends on the name."""
    lines = text.splitlines(keepends=True)
    own = [at for at, line in enumerate(lines) if re.match(rf"from ({name}|slipway)[. ]", line)]
    if own:
        lines[own[0] : own[-1] + 1] = sorted(lines[own[0] : own[-1] + 1])
    return "".join(lines)


def tidy(folder: Path) -> None:
    """Wrap lines as the repository does, which depends on the name's length; without ruff, `make format` will."""
    ruff = Path(sys.executable).with_name("ruff")
    if ruff.exists():
        subprocess.run([str(ruff), "format", "--quiet", "--no-cache", str(folder)], check=True)


def _lock(project: Path, repository: Repository) -> None:
    """Lock the project, at the versions that another code location has where both need the same package.

    Raises:
        LocalPlatformError: uv is missing or failed; the message carries the end of its output.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise LocalPlatformError("uv was not found.", "Call it by `tools/uv run slipway new`.")
    locks = [location.path / "uv.lock" for location in repository.code_locations]
    if known := next(filter(Path.exists, locks), None):
        shutil.copyfile(known, project / "uv.lock")
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    command = [uv, "lock", "--quiet", "--project", str(project)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalPlatformError(
            f"Its packages could not be locked:\n{indented(done.stderr)}",
            "Nothing was written. uv asks the package index: is it reachable?",
        )


def _list_it(file: Path, name: str) -> None:
    """Add the location at the end of `dg.toml`, in one step: those before it keep their ports."""
    aside = file.with_name(f".{file.name}.new")
    listed = f'\n[[workspace.projects]]\npath = "code_locations/{name}"\n'
    aside.write_text(file.read_text().rstrip("\n") + "\n" + listed)
    shutil.copymode(file, aside)
    aside.replace(file)


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, as the path to slipway is relative; deleted unless it has been moved away."""
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
