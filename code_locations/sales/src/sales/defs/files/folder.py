"""The folder that the shops put their files into.

Belongs here: which files are there, and whether they are complete. Does not belong here: what is in them.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from pydantic import Field

SETTLE_SECONDS = 10.0
"""How long nothing has been written to a file that counts as complete."""


@dataclass(frozen=True)
class Listing:
    """What is in the folder: complete files, and names of those that are still being written."""

    files: tuple[Path, ...]
    unfinished: tuple[str, ...]
    state: str


class CsvFolder(dg.ConfigurableResource):
    """A folder of CSV files, given as `dg.EnvVar("SALES_FOLDER")`.

    Files are those directly in it whose name ends in `.csv`, in any case, and does not begin with a dot.
    Another ending while a file is being written (`.csv.part`), or moving a finished file in, keeps half a
    file from being read; without either, one that was written to within SETTLE_SECONDS is left alone.
    """

    path: str = Field(description="The folder; on Kubernetes a volume that is mounted.")

    def listing(self) -> Listing:
        """Return the files by name, and the state of the complete ones: a digest of names, sizes and times.

        Raises:
            dagster.Failure: there is no such folder; not retried.
        """
        folder, now = Path(self.path), time.time()
        if not folder.is_dir():
            raise dg.Failure(
                f"{folder} is no folder. Create it, or set SALES_FOLDER to the one that the files are put into.",
                allow_retries=False,
            )
        files, unfinished, digest = [], [], hashlib.sha256()
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() != ".csv" or file.name.startswith(".") or not file.is_file():
                continue
            found = file.stat()
            # A time in the future, of another machine's clock, would otherwise keep a file out for good.
            if 0 <= now - found.st_mtime < SETTLE_SECONDS:
                unfinished.append(file.name)
                continue
            files.append(file)
            digest.update(f"{file.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
        return Listing(tuple(files), tuple(unfinished), digest.hexdigest()[:16])
