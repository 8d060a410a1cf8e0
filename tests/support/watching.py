"""A watcher over a webserver's double, with a clock of its own."""

import json
from pathlib import Path
from typing import Any

from slipway.alerts.state import MemoryFile
from slipway.alerts.watcher import Watcher
from support.dagster_double import Dagster


class Watch:
    """A watcher over a double; `pass_time` looks every five seconds."""

    def __init__(self, folder: Path, dagster: Dagster, settings: str = "") -> None:
        self.folder, self.dagster = folder, dagster
        (folder / "alerts.toml").write_text(settings)
        self.start()
        self.pass_time(5)

    def start(self) -> None:
        self.watcher = Watcher("http://web", self.folder / "alerts.toml", self.folder)
        self.watcher._read_settings()
        self.watcher._begin(MemoryFile(self.folder), self.dagster.now)
        for part in (self.watcher, self.watcher.runs, self.watcher.reported, self.watcher.backfills):
            part.client = self.dagster  # type: ignore[assignment]

    def pass_time(self, seconds: float) -> None:
        end = self.dagster.now + seconds
        while self.dagster.now < end:
            self.dagster.now += 5
            self.watcher.look(self.dagster.now)

    def told(self, seconds: float = 0) -> list[str]:
        """Return the subjects of all messages, after some time."""
        self.pass_time(seconds)
        return [line["subject"] for line in self.lines()]

    def lines(self) -> list[dict[str, Any]]:
        file = self.folder / "alerts.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
