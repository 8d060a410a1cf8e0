"""The state folder: where everything that the local platform writes lies, and who may change it.

Paths, the format marker and the lock belong here; what is inside the files belongs to the module
that writes them.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.local.errors import LocalPlatformError

FORMAT = 1
# sun_path holds 108 bytes; Postgres appends `/.s.PGSQL.<port>.lock`.
LONGEST_SOCKET_FOLDER = 85


@dataclass(frozen=True)
class StateFolder:
    """Paths below one state folder; creating the object touches nothing."""

    path: Path

    @property
    def logs(self) -> Path:
        """One log file per process: `<process>.log`."""
        return self.path / "logs"

    @property
    def programs(self) -> Path:
        """One start script and one environment file per process."""
        return self.path / "programs"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME: dagster.yaml, workspace.yaml, compute logs."""
        return self.path / "dagster"

    @property
    def postgres(self) -> Path:
        """The Postgres data directory; a link when the data has to lie elsewhere (see `postgres.home`)."""
        return self.path / "postgres"

    @property
    def s3(self) -> Path:
        """The S3 server's buckets, one folder each."""
        return self.path / "s3"

    @property
    def data(self) -> Path:
        """Folders that code locations read files from, see `CodeLocation.folders`."""
        return self.path / "data"

    @property
    def alerts(self) -> Path:
        """The watcher's memory, and the alerts that go to a file."""
        return self.path / "alerts"

    @property
    def compute_logs(self) -> Path:
        """What runs wrote to stdout and stderr, shown in the UI."""
        return self.path / "compute_logs"

    @property
    def sockets(self) -> Path:
        """Folder of Unix sockets; in the temporary folder when the state folder's path is too long for one."""
        folder = self.path / "run"
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
            return folder
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"slipway-{digest}"

    def create(self) -> None:
        """Make the folders, readable by their owner only."""
        for folder in (
            self.path,
            self.logs,
            self.programs,
            self.dagster_home,
            self.s3,
            self.compute_logs,
            self.data,
            self.sockets,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second `up`, `down` or `clean`.

        Raises:
            LocalPlatformError: another process holds it.
        """
        busy = f"Another slipway command is at work on {self.path}."
        with held(self.path, busy, "Wait until it is done; `make status` shows what is running."):
            yield

    def read_marker(self) -> dict[str, Any]:
        """Return state.json: `format` (int) and what the platform noted; empty for a new folder.

        Raises:
            LocalPlatformError: the folder was written by another format, or the file can't be read.
        """
        file = self.path / "state.json"
        if not file.exists():
            return {}
        way_out = "Run `make clean` to start with an empty state folder, or the version that made it to keep the data."
        try:
            marker: dict[str, Any] = json.loads(file.read_text())
        except ValueError as error:
            raise LocalPlatformError(f"{file} is damaged: {error}", way_out) from error
        if marker.get("format") != FORMAT:
            raise LocalPlatformError(
                f"{self.path} has format {marker.get('format')}, written by slipway "
                f"{marker.get('slipway', '(unknown)')}; this version reads format {FORMAT}.",
                way_out,
            )
        return marker

    def write_marker(self, **facts: object) -> None:
        """Merge `facts` into state.json."""
        marker = {**self.read_marker(), **facts, "format": FORMAT}
        write_private(self.path / "state.json", json.dumps(marker, indent=2) + "\n")


def write_private(file: Path, text: str, mode: int = 0o600) -> None:
    """Replace `file` in one step; nobody but the owner can read it, at no moment."""
    temporary = file.with_name(file.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as handle:
        os.fchmod(descriptor, mode)
        handle.write(text)
        handle.flush()
        os.fsync(descriptor)
    temporary.replace(file)


@contextmanager
def held(folder: Path, busy: str, way_out: str) -> Iterator[None]:
    """Hold the lock of `folder`, which is made if need be, without waiting for it.

    Raises:
        LocalPlatformError: another process holds it; the error says `busy` and `way_out`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalPlatformError(busy, way_out) from None
        yield
