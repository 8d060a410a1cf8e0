"""Backfills that the daemon gives up: where no run is launched, no run fails, and nobody would be told.

Does not belong here: partitions whose runs fail (`runs`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from slipway.alerts.catalog import Catalog, asset_name
from slipway.alerts.causes import FORGET_SECONDS, Failure, Ledger
from slipway.alerts.client import BACKFILLS, Client, tags_of
from slipway.alerts.fingerprints import fingerprint, root_error
from slipway.alerts.state import Memory

EVERY_SECONDS = 30.0
# FAILING: the daemon has given it up, and ends its runs. COMPLETED_FAILED is not among them: there runs failed.
_FAILED = ["FAILING", "FAILED"]
_SUCCEEDED = ["COMPLETED_SUCCESS"]
_PAGE = 100
_MOST_PAGES = 10
_SHOWN_ASSETS = 3
# A resumed backfill carries the ids of the one that it goes on with, and of the first one of all.
_LINEAGE = ("dagster/parent_backfill_id", "dagster/root_backfill_id")


@dataclass
class Backfills:
    """Deals with each backfill that fails once, and with those that make up for it."""

    client: Client
    catalog: Catalog
    ledger: Ledger
    memory: Memory
    _asked: float = 0.0

    def take(self, now: float) -> None:
        """Ask after failed backfills, if it is time to; what had failed before the very first time is not told.

        Raises:
            NoAnswerError: the webserver went away; what was not dealt with comes again.
        """
        if now - self._asked < EVERY_SECONDS:
            return
        self._asked = now
        failed = {each["id"]: each for each in self._all(_FAILED, now - FORGET_SECONDS)}
        known = self.memory.backfills
        new = [] if known is None else [each for each in failed.values() if each["id"] not in known]
        for failure in [self._failure(backfill, now) for backfill in new]:
            self.ledger.fail(failure, now)
        self.memory.backfills = {each: backfill["timestamp"] for each, backfill in failed.items()}
        self._recover(failed)

    def _all(self, statuses: list[str], created: float) -> Iterator[dict[str, Any]]:
        cursor = None
        for _ in range(_MOST_PAGES):
            answer = self.client.ask(BACKFILLS, statuses=statuses, created=created, cursor=cursor)
            page = answer["partitionBackfillsOrError"].get("results", [])
            yield from page
            if len(page) < _PAGE:
                return
            cursor = page[-1]["id"]

    def _recover(self, failed: dict[str, dict[str, Any]]) -> None:
        subjects = self.ledger.open_subjects("backfill")
        open_ones = [backfill for backfill in failed.values() if _subject(backfill["id"]) in subjects]
        if not open_ones:
            return
        oldest = min(backfill["timestamp"] for backfill in open_ones)
        for later in self._all(_SUCCEEDED, oldest):
            for backfill in open_ones:
                if _makes_up_for(later, backfill):
                    self.ledger.recover(_subject(backfill["id"]), _ended_at(later, later["timestamp"]))

    def _failure(self, backfill: dict[str, Any], now: float) -> Failure:
        assets = _assets(backfill)
        job = backfill["jobName"]
        locations = self.catalog.locations(*assets)
        if not locations and job:
            locations = tuple(filter(None, [self.client.location_of_backfill(backfill["id"])]))
        location = locations[0] if locations else ""
        owners = self.catalog.owners(*assets)
        error = root_error(backfill["error"], "No reason was recorded")
        what = f"job {job}" if job and not assets else _listed(sorted(assets))
        return Failure(
            kind="backfill",
            cause=fingerprint("backfill", location, owners, error, what),
            subject=_subject(backfill["id"]),
            title=f"A backfill of {what} failed",
            where=f"backfill {backfill['id']}",
            error=str(error),
            location=location,
            owners=owners,
            link=f"/runs/b/{backfill['id']}",
            at=_ended_at(backfill, now),
            behind=tuple(f"location:{each}" for each in locations),
        )


def _subject(backfill: str) -> str:
    return f"backfill:{backfill}"


def _assets(backfill: dict[str, Any]) -> set[str]:
    return {asset_name(key) for key in backfill["assetSelection"] or ()}


def _makes_up_for(later: dict[str, Any], failed: dict[str, Any]) -> bool:
    """Whether a backfill that went well has done a failed one's work: it resumed it, or took as much of the same."""
    if failed["id"] in map(tags_of(later).get, _LINEAGE):
        return True
    same = later["jobName"] == failed["jobName"] and _assets(later) >= _assets(failed)
    counts = later["numPartitions"], failed["numPartitions"]
    return same and later["timestamp"] > failed["timestamp"] and None not in counts and counts[0] >= counts[1]


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN_ASSETS} more" if len(shown) > _SHOWN_ASSETS else ""
    return ", ".join(shown[:_SHOWN_ASSETS]) + more


def _ended_at(backfill: dict[str, Any], otherwise: float) -> float:
    return float(backfill["endTimestamp"] or otherwise)
