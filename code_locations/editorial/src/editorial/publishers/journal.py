"""What became of the files of one load: rows taken, lines rejected and why, files refused.

A line is rejected, and counted, when it can't be what its format says; the rest of its file is loaded. A file is
refused as a whole when it can't be read at all; what an earlier version of it gave stays.
"""

from collections import Counter
from dataclasses import dataclass, field

from editorial.downloads import Download

KEPT = 100
"""How many rejected lines of a file are kept word for word; all are counted."""

_TEXT = 500


class UnreadableFileError(Exception):
    """A file can't be read as what its name says: truncated, or another format."""


@dataclass(frozen=True)
class Rejected:
    """One line (or row, counted from 1) of a file that was not taken."""

    row: int
    reason: str
    text: str


@dataclass
class Entry:
    """One file of the load."""

    download: Download
    rows: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    kept: list[Rejected] = field(default_factory=list)
    refused: str | None = None


class Journal:
    """The entries of one load, in the order of reading."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def begin(self, download: Download) -> Entry:
        """Start the entry of a file."""
        self.entries[download.name] = Entry(download)
        return self.entries[download.name]

    def forget(self, download: Download) -> None:
        """Drop the entry of a file: it is not written down as loaded."""
        del self.entries[download.name]

    def take(self, download: Download, rows: int) -> None:
        """Count rows that go to the table."""
        self.entries[download.name].rows += rows

    def reject(self, download: Download, row: int, reason: str, text: object) -> None:
        """Count a line that does not; the first ones are kept, cut to what a person reads."""
        entry = self.entries[download.name]
        entry.rejected += 1
        entry.reasons[reason] += 1
        if len(entry.kept) < KEPT:
            # Postgres has no NUL in text, and a lone surrogate no UTF-8.
            shown = str(text)[:_TEXT].replace("\x00", "\ufffd").encode(errors="replace").decode()
            entry.kept.append(Rejected(row, reason, shown))
