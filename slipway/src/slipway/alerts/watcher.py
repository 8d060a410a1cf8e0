"""The watcher: looks, groups, tells; again and again until it is asked to stop."""

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from slipway.alerts import messages, reminders
from slipway.alerts.backfills import Backfills
from slipway.alerts.catalog import Catalog
from slipway.alerts.causes import TICKS, Cause, Ledger
from slipway.alerts.checks import Reported
from slipway.alerts.client import ASSETS, LOOK, Client, NoAnswerError, RejectedError
from slipway.alerts.conditions import Conditions
from slipway.alerts.outbox import Outbox
from slipway.alerts.runs import Runs
from slipway.alerts.settings import Settings, read_settings
from slipway.alerts.state import MemoryFile
from slipway.local.errors import LocalPlatformError

# Freshness is evaluated each 30 s, and owners change with a deployment only.
ASSETS_SECONDS = 30.0
HEARTBEAT_SECONDS = 60.0
# A longer gap between two answers may hide ticks that failed and went well again.
GAP_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass
class Watcher:
    """Watches one platform.

    Attributes:
        url: the webserver, as this process reaches it.
        settings_file: `alerts.toml`; read again when it changes.
        folder: holds what must survive a restart, and the channels' files.
    """

    url: str
    settings_file: Path
    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Watch until a signal or `stopping` ends it; what is being delivered is finished first.

        Raises:
            LocalPlatformError: the settings or the memory can't be read, or another watcher holds the folder.
        """
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stopping.set())
        self._read_settings()
        file = MemoryFile(self.folder)
        with file.held():
            self._begin(file, time.time())
            _log.info(
                "Watching %s; %s causes are open, %s messages wait",
                self.url,
                len(self.ledger.causes),
                len(self.outbox),
            )
            while not self.stopping.is_set():
                self._look_whatever_happens()
                self.stopping.wait(self.settings.poll_seconds)

    def _look_whatever_happens(self) -> None:
        try:
            self.look(time.time())
        except Exception:  # noqa: BLE001
            # One answer that can't be made sense of must not end all alerts; no heartbeat goes out for this round.
            _log.exception("This look failed; the next one follows")

    def look(self, now: float) -> None:
        """Look once, and tell what there is to tell."""
        self._refresh_settings()
        try:
            self._ask(now)
        except NoAnswerError as error:
            self.conditions.webserver_silent(self.url, str(error), now)
        for old in self.ledger.forget_old(now):
            _log.info("Forgotten after two weeks: %s", old.title)
        self._tell(now)
        self._keep()
        self.outbox.flush(dict(self.settings.channels), self.folder, now, self._keep, self.stopping.is_set)
        self._beat(now)

    def _begin(self, file: MemoryFile, now: float) -> None:
        self.file = file
        self.memory, known = file.read(now)
        self.ledger, self.outbox = Ledger.load(self.memory.causes), Outbox(self.memory.outbox)
        self.outbox.hurry()
        self.client, self.catalog = Client(self.url), Catalog()
        stale = self.settings.daemon_stale_seconds
        self.conditions = Conditions(self.catalog, self.ledger, self.memory, stale, started=now)
        parts = (self.client, self.catalog, self.ledger, self.memory)
        self.runs, self.reported, self.backfills = Runs(*parts), Reported(*parts), Backfills(*parts)
        self._first_assets = not known
        self._answered, self._assets_at, self._beaten_at = self.memory.polled, 0.0, 0.0

    def _ask(self, now: float) -> None:
        assets = None
        if now - self._assets_at >= ASSETS_SECONDS:
            # First: a failed run's owners are those of its assets.
            assets = self.client.ask(ASSETS)["assetNodes"]
            self.catalog.learn(assets)
        missed = now - self._answered > GAP_SECONDS
        seen = self.client.ask(
            LOOK, updated=self.runs.updated_after, since=self._answered - GAP_SECONDS, missed=missed
        )
        self.conditions.webserver_answers(now)
        self.conditions.take_locations(seen["workspaceOrError"].get("locationEntries", []), now)
        self.conditions.take_daemons(seen["instance"]["daemonHealth"]["allDaemonStatuses"], now)
        self.runs.take(seen["runsOrError"].get("results", []), now)
        for part in (self.reported, self.backfills):
            try:
                part.take(now)
            except RejectedError as error:
                # One question that can't be answered is no reason to call the webserver dead, or to ask nothing more.
                _log.error("The webserver refuses to say what %s asks: %s", type(part).__name__, error)
        if assets is not None:
            self.conditions.take_assets(assets, now, first=self._first_assets)
            self._assets_at, self._first_assets = now, False
        self._answered = now
        if now - self.memory.polled >= GAP_SECONDS:
            self.memory.polled = now

    def _tell(self, now: float) -> None:
        ui = (self.settings.ui or self.url).rstrip("/")
        for key, cause in list(self.ledger.causes.items()):
            owners = self.settings.owners(cause)
            if cause.told is None and not self._passes(cause, now):
                if not self._is_due(cause, now):
                    continue
                cause.told, cause.told_at = list(self.settings.channels_for(cause)), now
                self.outbox.put(messages.problem(cause, owners, ui, self.settings.docs, now), cause.told)
            if cause.ended is not None:
                if cause.told:
                    self.outbox.put(messages.resolved(cause, owners, ui, now), cause.told)
                del self.ledger.causes[key]
        for channel, causes in reminders.due(self.ledger, self.settings, self.memory.reminded, now):
            self.outbox.put(messages.reminder(causes, self.settings, ui, now), [channel])

    def _passes(self, cause: Cause, now: float) -> bool:
        """Whether a cause that nobody was told of has ended without being news: a consequence, or silenced."""
        return cause.ended is not None and (cause.covered or self.settings.is_silenced(cause, now))

    def _is_due(self, cause: Cause, now: float) -> bool:
        if self.ledger.is_covered(cause):
            # Once what covers it is over, it gets as long to pass as if it were new.
            cause.covered, cause.noticed = True, now
            return False
        return now - cause.noticed >= self._hold(cause) and not self.settings.is_silenced(cause, now)

    def _hold(self, cause: Cause) -> float:
        """How long a cause is kept to itself: to count its failures, or to see whether it passes."""
        if cause.kind == "daemon":
            return 0.0
        if cause.kind in ("run", "check", "backfill") or cause.kind in TICKS:
            return self.settings.gather_seconds
        return self.settings.grace_seconds

    def _keep(self) -> None:
        self.memory.causes, self.memory.outbox = self.ledger.dump(), self.outbox.dump()
        try:
            self.file.write(self.memory)
        except OSError as error:
            # A full disk is when alerts are needed most: only a restart would tell something twice now.
            _log.error("The memory can't be written: %s", error)

    def _read_settings(self) -> None:
        self._settings_changed = _changed(self.settings_file)
        self.settings: Settings = read_settings(self.settings_file)

    def _refresh_settings(self) -> None:
        if _changed(self.settings_file) == self._settings_changed:
            return
        try:
            self._read_settings()
        except LocalPlatformError as error:
            _log.error("The settings stay as they were: %s", error)
        else:
            self.outbox.hurry()
            self.conditions.daemon_stale_seconds = self.settings.daemon_stale_seconds
            _log.info("Read %s anew", self.settings_file)

    def _beat(self, now: float) -> None:
        """Ask the dead man's switch's URL: when that stops, somebody outside notices."""
        url = os.environ.get(self.settings.heartbeat_variable) if self.settings.heartbeat_variable else None
        if not url or now - self._beaten_at < HEARTBEAT_SECONDS:
            return
        self._beaten_at = now
        try:
            httpx.get(url, timeout=5)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.warning("The heartbeat could not be sent (%s)", type(error).__name__)


def _changed(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0
