"""What the watcher must not forget: one JSON file, replaced in one step, held by one watcher at a time.

The file is small: runs of the last minutes, the newest tick of each sensor and schedule, the open causes and the
messages that are still to be delivered.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slipway.local.errors import LocalPlatformError
from slipway.local.state import held, write_private

FORMAT = 1
FILE = "state.json"


@dataclass
class Memory:
    """The content of the file. Times are seconds since 1970.

    Attributes:
        began: when the first watcher started; what happened before is not told.
        polled: when the webserver last answered.
        updated: the newest update of a run that was seen.
        seen: runs that are dealt with, by the time of their end; those that ended long before `updated` are dropped.
        waiting: failed runs that may be retried, by the time since when they wait.
        ticks: the newest tick of each sensor and schedule that is dealt with.
        checked: the newest reported evaluation of a check that was seen; None in a file of an older watcher.
        reported: such evaluations that are dealt with, by their time; those long before `checked` are dropped.
        backfills: failed backfills that are dealt with, by the time of their launch; None as `checked`.
        reminded: when each channel was last reminded of what is still open.
        causes: see `causes.Ledger`.
        outbox: see `outbox.Outbox`.
    """

    began: float
    polled: float
    updated: float
    format: int = FORMAT
    seen: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    ticks: dict[str, int] = field(default_factory=dict)
    checked: float | None = None
    reported: dict[str, float] = field(default_factory=dict)
    backfills: dict[str, float] | None = None
    reminded: dict[str, float] = field(default_factory=dict)
    causes: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)


class MemoryFile:
    """The file in a folder of the watcher's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self._written = ""

    def read(self, now: float) -> tuple[Memory, bool]:
        """Return what was written, and whether anything was; a new memory begins `now`.

        Raises:
            LocalPlatformError: the file is damaged, or of another format.
        """
        if not self.path.exists():
            return Memory(began=now, polled=now, updated=now), False
        try:
            memory, reason = Memory(**json.loads(self.path.read_text())), ""
        except (ValueError, TypeError) as error:
            memory, reason = Memory(now, now, now), str(error)
        if memory.format != FORMAT:
            reason = f"its format is {memory.format}, not {FORMAT}"
        if reason:
            raise LocalPlatformError(
                f"{self.path} can't be read: {reason}.",
                "Delete it to begin anew; then open causes are told again, and undelivered messages are lost.",
            )
        return memory, True

    def write(self, memory: Memory) -> None:
        """Replace the file, if anything has changed."""
        text = json.dumps(asdict(memory), separators=(",", ":"))
        if text != self._written:
            write_private(self.path, text)
            self._written = text

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder against a second watcher, which would tell everything twice.

        Raises:
            LocalPlatformError: another watcher holds it.
        """
        with held(
            self.folder,
            f"Another watcher works in {self.folder}.",
            "One is enough; stop the other one first.",
        ):
            yield
