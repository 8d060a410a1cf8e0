"""Find what is new in a landing zone, in small steps, with a cursor of constant size.

Belongs here: the order in which keys are looked at, and how the place reached is remembered. Does not
belong here: what becomes of a file, Dagster's sensors.

A *pass* goes through all keys in their order; a *step* is a piece of it. Of each object the pass asks only
whether it was written since the previous pass began. An object that lands in front of the place reached is
met in this pass, one that lands behind it in the next: each is met, whatever its key. Objects that are met
twice, as the times overlap, are told apart by their version (`known`).
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from slipway.resources.landing import LandingBucket, LandingObject

MARGIN = dt.timedelta(hours=1)
"""How far passes overlap: clocks that differ, and uploads in one request that take long."""
MULTIPART_MARGIN = dt.timedelta(hours=24)
"""The same for multipart uploads, which carry the time at which they were *begun*. Let the bucket's
AbortIncompleteMultipartUpload rule end those that take longer."""

Known = Callable[[Sequence[LandingObject]], Collection[str]]
"""Returns the `version_key`s of those objects that have been taken before."""


@dataclass(frozen=True)
class Zone:
    """What is watched: the folder `prefix` of a bucket, and how one tells what has been taken."""

    bucket: LandingBucket
    prefix: str
    known: Known

    def fresh(self, objects: Sequence[LandingObject]) -> list[LandingObject]:
        """Return those of `objects` that have not been taken."""
        taken = self.known(objects) if objects else ()
        return [o for o in objects if version_key(self.bucket.address(o.key), o.version) not in taken]


@dataclass(frozen=True)
class Limits:
    """What one step may cost: list requests, objects it returns, seconds (a request under way is finished)."""

    pages: int = 10
    objects: int = 100
    seconds: float = 20.0


@dataclass(frozen=True)
class Position:
    """How far a pass is: what it looks for, when it began (UTC), and the last key it has dealt with.

    `since` is None in the first pass, which takes everything; `started` None before a pass's first step.
    """

    since: dt.datetime | None = None
    started: dt.datetime | None = None
    after: str = ""

    def to_text(self) -> str:
        """Return the position as a sensor's cursor: some 100 bytes and one key (S3's have up to 1,024)."""
        times = [each and each.isoformat() for each in (self.since, self.started)]
        return json.dumps({"since": times[0], "started": times[1], "after": self.after}, ensure_ascii=False)

    @staticmethod
    def from_text(text: str | None) -> "Position":
        """Read a cursor. One that can't be read begins anew, with a pass that looks for everything."""
        try:
            found = json.loads(text or "{}")
            since, started = (
                dt.datetime.fromisoformat(found[name]) if found.get(name) else None
                for name in ("since", "started")
            )
            return Position(since, started, str(found.get("after", "")))
        except (ValueError, TypeError, AttributeError):
            return Position()

    def looks_for(self, found: LandingObject) -> bool:
        """Whether the object may have come since the previous pass.

        Markers of folders, as consoles make them, never count: empty, and without a suffix (obstore leaves out
        the slash at their end).
        """
        if found.size == 0 and "." not in found.key.rpartition("/")[2]:
            return False
        margin = MULTIPART_MARGIN if "-" in found.e_tag else MARGIN
        return self.since is None or found.modified >= self.since - margin


@dataclass(frozen=True)
class Step:
    """What a step found, where the next one goes on, and how many keys it looked at."""

    found: tuple[LandingObject, ...]
    position: Position
    looked_at: int
    ended: bool


def version_key(address: str, version: str) -> str:
    """Return the name of one version of one object, the same by whichever way one hears of it."""
    return f"{address}#{version}"


def step(zone: Zone, position: Position, limits: Limits, now: dt.datetime) -> Step:
    """Go on with the pass at `position` as far as `limits` allow; at its end the next one begins.

    The caller must have taken what is found (recorded it where `known` looks) before it keeps the new
    position: after a crash in between, the old position finds the same again.

    Raises:
        LandingError: the bucket can't be listed; the position stays as it was.
    """
    if position.started is None:
        position = replace(position, started=now)
    deadline = time.monotonic() + limits.seconds
    found: list[LandingObject] = []
    looked_at = 0
    for number, page in enumerate(zone.bucket.pages(zone.prefix, after=position.after), start=1):
        looked_at += len(page)
        fresh = zone.fresh([each for each in page if position.looks_for(each)])
        room = limits.objects - len(found)
        found += fresh[:room]
        if len(fresh) > room:
            return Step(tuple(found), replace(position, after=found[-1].key), looked_at, ended=False)
        position = replace(position, after=page[-1].key)
        if len(found) == limits.objects or number == limits.pages or time.monotonic() > deadline:
            return Step(tuple(found), position, looked_at, ended=False)
    return Step(tuple(found), Position(since=position.started), looked_at, ended=True)
