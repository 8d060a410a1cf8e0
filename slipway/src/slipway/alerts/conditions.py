"""What is wrong now: code locations, daemons, late assets, the webserver. Runs belong to `runs`, ticks to `ticks`."""

from dataclasses import dataclass
from typing import Any

from slipway.alerts.catalog import Catalog, asset_name
from slipway.alerts.causes import Failure, Ledger
from slipway.alerts.client import owners_of
from slipway.alerts.fingerprints import RootError, fingerprint, root_error
from slipway.alerts.state import Memory
from slipway.alerts.ticks import take_repository

WEBSERVER = "webserver"
DAEMON = "daemon"
# How long a webserver may take to start, however short the grace is.
START_SECONDS = 60.0
_SAYS_NOTHING = RootError("", "")


@dataclass
class Conditions:
    """Compares what the webserver says now with what is open."""

    catalog: Catalog
    ledger: Ledger
    memory: Memory
    daemon_stale_seconds: float
    started: float
    # Since when the webserver has answered without a gap; before that no heartbeat could be seen.
    answering_since: float | None = None
    _has_answered: bool = False

    def webserver_silent(self, url: str, reason: str, now: float) -> None:
        """Take note that the webserver did not answer; one that starts beside the watcher has time to."""
        self.answering_since = None
        if not self._has_answered and now - self.started < START_SECONDS:
            return
        self.ledger.fail(
            Failure(
                kind="webserver",
                cause=WEBSERVER,
                subject=WEBSERVER,
                title="The webserver does not answer",
                where=url,
                error=reason,
                location="",
                owners=(),
                link="/",
                at=now,
            ),
            now,
        )

    def webserver_answers(self, now: float) -> None:
        """Take note that the webserver answered."""
        self._has_answered = True
        self.answering_since = now if self.answering_since is None else self.answering_since
        self.ledger.recover(WEBSERVER, now)

    def take_locations(self, entries: list[dict[str, Any]], now: float) -> None:
        """Deal with the code locations, and with the ticks in those that are loaded."""
        known = set()
        for entry in entries:
            name, found = entry["name"], entry["locationOrLoadError"]
            subject = f"location:{name}"
            known.add(subject)
            if not found or entry["loadStatus"] == "LOADING":
                continue
            if found["__typename"] == "PythonError":
                self.ledger.fail(_broken_location(name, found, now), now)
            else:
                self.ledger.recover(subject, now)
                for repository in found["repositories"]:
                    take_repository(self.ledger, self.memory, name, repository, now)
        for gone in self.ledger.open_subjects("location") - known:
            self.ledger.recover(gone, now)

    def take_daemons(self, statuses: list[dict[str, Any]], now: float) -> None:
        """Deal with the daemon's heartbeats: one each 30 s from each of its parts.

        It is dead when its newest heartbeat is stale. A part of a living one gets twice as long, for the parts of
        one that has died do not become stale in the same moment.
        """
        ages = {
            each["daemonType"]: now - (each["lastHeartbeatTime"] or 0)
            for each in statuses
            if each["required"]
        }
        stale = self.daemon_stale_seconds
        # Before it could be seen, no heartbeat is missing.
        seen = now - (now if self.answering_since is None else self.answering_since)
        youngest = min(ages.values(), default=0.0)
        if youngest <= stale:
            self.ledger.recover(DAEMON, now)
        elif seen > stale:
            self.ledger.fail(_dead_daemon(DAEMON, "The daemon", youngest, now), now)
        for part, age in ages.items():
            if age <= stale:
                self.ledger.recover(f"{DAEMON}:{part}", now)
            elif age > 2 * stale and seen > 2 * stale and youngest <= stale:
                self.ledger.fail(_dead_daemon(f"{DAEMON}:{part}", f"The daemon's part {part}", age, now), now)

    def take_assets(self, nodes: list[dict[str, Any]], now: float, *, first: bool) -> None:
        """Deal with freshness; on the very `first` look, what is late already is not news."""
        subjects = set()
        for node in nodes:
            asset = asset_name(node["assetKey"])
            subject = f"freshness:{asset}"
            subjects.add(subject)
            status = (node["freshnessStatusInfo"] or {}).get("freshnessStatus")
            if status == "DEGRADED":
                self.ledger.fail(self._late(asset, node, now), now)
                if first:
                    self.ledger.mute(subject)
            elif status in ("HEALTHY", "WARNING", None):
                self.ledger.recover(subject, now)
        for gone in self.ledger.open_subjects("freshness") - subjects:
            # Assets of a location that can't be loaded are missing too, and as late as before.
            if not self.ledger.open_subjects("location"):
                self.ledger.recover(gone, now)

    def _late(self, asset: str, node: dict[str, Any], now: float) -> Failure:
        location, owners = node["repository"]["location"]["name"], owners_of(node)
        last = (node["freshnessStatusInfo"]["freshnessStatusMetadata"] or {}).get("lastMaterializedTimestamp")
        path = "/".join(node["assetKey"]["path"])
        upstream = sorted(self.catalog.upstream(asset) | {asset})
        return Failure(
            kind="freshness",
            cause=fingerprint("freshness", location, owners, _SAYS_NOTHING, asset),
            subject=f"freshness:{asset}",
            title=f"{asset} is late",
            where=f"asset {asset}",
            error="Its freshness policy fails"
            + (f"; last materialized {_ago(now - last)} ago" if last else ""),
            location=location,
            owners=owners,
            link=f"/assets/{path}",
            at=now,
            affects=(f"asset:{asset}",),
            behind=tuple(f"asset:{each}" for each in upstream),
        )


def _broken_location(name: str, error: dict[str, Any], now: float) -> Failure:
    return Failure(
        kind="location",
        cause=fingerprint("location", name, (), _SAYS_NOTHING, name),
        subject=f"location:{name}",
        title=f"Code location {name} can't be loaded",
        where=f"code location {name}",
        error=str(root_error(error)),
        location=name,
        owners=(),
        link="/deployment/locations",
        at=now,
        affects=(f"location:{name}",),
    )


def _dead_daemon(subject: str, name: str, age: float, now: float) -> Failure:
    last = "It has never given one" if age == now else f"Its last heartbeat is {_ago(age)} old"
    return Failure(
        kind="daemon",
        cause=subject,
        subject=subject,
        title=f"{name} gives no sign of life",
        where="daemon",
        error=f"{last}: what it does (queue, schedules, sensors) stands still",
        location="",
        owners=(),
        link="/deployment/daemons",
        at=now,
        affects=(subject,),
        behind=() if subject == DAEMON else (DAEMON,),
    )


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
