"""The folder with the publishers' downloads: which files of it are whose, and in which version.

Belongs here: the publishers' own file names, and what makes a version of a file. Does not belong here: what is
inside the files (`publishers/`), and which versions are loaded already (`ledger.py`).
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

# The publishers' file names, anywhere below the folder: which table of which publisher a file is for. Names that
# browsers and unpackers give to files that they still write (`behaviors.tsv.part`) match none of them.
_NAMES = [
    (re.compile(r"behaviors\.parquet"), "ebnerd"),
    (re.compile(r"articles\.parquet"), "ebnerd_articles"),
    (re.compile(r"\d{8}(\.jsonl?)?"), "adressa"),
    (re.compile(r"behaviors\.tsv"), "mind"),
    (re.compile(r"news\.tsv"), "mind_news"),
]
# ebnerd/ebnerd_small/train/behaviors.parquet is four deep; a link in a circle must not go on for ever.
_DEEPEST = 6


class MissingFolderError(FileNotFoundError):
    """The folder that EDITORIAL_RAW_DOWNLOAD names does not exist."""


@dataclass(frozen=True, order=True)
class Download:
    """One file in one version.

    Attributes:
        table: the table of schema `raw` that it is loaded to.
        name: its path below the folder, with slashes.
        path: where it lies.
        size: bytes.
        modified_ns: when its content was last written.
        changed_ns: when it got here: written, renamed, or its attributes set; no unpacker can set it back.
    """

    table: str
    name: str
    path: Path
    size: int
    modified_ns: int
    changed_ns: int

    @property
    def version(self) -> str:
        """What differs when the file was written anew."""
        return f"{self.size}-{self.modified_ns}"

    @property
    def landed_at(self) -> datetime:
        """When this version got here, UTC."""
        return datetime.fromtimestamp(self.changed_ns / 1e9, UTC)

    def is_current(self) -> bool:
        """Whether the file is still there in this version."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.modified_ns)

    def at_rest(self, seconds: float) -> bool:
        """Whether nobody has touched it for so long: what is still being written is not complete."""
        return time.time() - self.changed_ns / 1e9 >= seconds


class RawDownloads(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder that the user, or whoever fetches the publishers' dumps, puts files into. Only read.

    Attributes:
        folder: EDITORIAL_RAW_DOWNLOAD.
    """

    folder: str

    def files(self) -> list[Download]:
        """Return the publishers' files that there are now, by table and name; anything else is passed over.

        Raises:
            MissingFolderError: there is no such folder.
        """
        root = Path(self.folder)
        if not root.is_dir():
            raise MissingFolderError(
                f"{root} is no folder: EDITORIAL_RAW_DOWNLOAD names the one with the publishers' downloads."
            )
        return sorted(_found(root))


def table_of(name: str) -> str | None:
    """Return the table of schema `raw` that a file of this name is for, or None."""
    return next((table for pattern, table in _NAMES if pattern.fullmatch(name)), None)


def _found(root: Path) -> Iterator[Download]:
    for folder, below, names in os.walk(root, followlinks=True):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        # In place: os.walk goes on with what is left.
        below[:] = [name for name in below if not name.startswith(".") and depth < _DEEPEST]
        for name in names:
            table = table_of(name)
            if not table:
                continue
            path = here / name
            try:
                status = path.stat()
            except FileNotFoundError:
                # Renamed or deleted since it was listed.
                continue
            relative = path.relative_to(root).as_posix()
            yield Download(table, relative, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
