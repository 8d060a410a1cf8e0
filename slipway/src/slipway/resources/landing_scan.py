"""Find what is new in a landing zone, in small steps, with a cursor of constant size.

Belongs here: the order in which keys are looked at, and how the place reached is remembered. Does not
belong here: what becomes of a file, Dagster's sensors.

A *pass* goes through all keys in their order; a *step* is a piece of it. Of each object the pass asks only
whether it was written since the previous pass began. An object that lands in front of the place reached is
met in this pass, one that lands behind it in the next: each is met, whatever its key. Objects that are met
twice, as the times overlap, are told apart by their version (`known`).

The place never goes beyond a file that is not known to be taken: a step begins with what the one before found, and
finds it again where it got lost. Dagster's daemon finishes a tick in which it was killed, but keeps a tick's cursor
too where a run of it could not be submitted (`_submit_run_request` in dagster/_daemon/sensor.py logs that and goes on).
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from slipway.resources.landing import LandingBucket, LandingObject, LandingUnavailableError

MARGIN = dt.timedelta(hours=1)
"""How far passes overlap: clocks that differ, and uploads in one request that take long."""
MULTIPART_MARGIN = dt.timedelta(hours=24)
"""The same for multipart uploads, which carry the time at which they were *begun*. Let the bucket's
AbortIncompleteMultipartUpload rule end those that take longer."""

PATIENCE = 3
"""Steps that may begin in front of the same file: one that is overwritten all the time, or that can't be taken, must
not hold up those behind it."""

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
    """What one step may cost: list requests, objects it returns, seconds.

    A page that is asked for within `seconds` is waited for, for at most `page_seconds`. Both together are less than
    the minute for which the daemon waits for a sensor (DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS).
    """

    pages: int = 10
    objects: int = 100
    seconds: float = 20.0
    page_seconds: float = 30.0


@dataclass(frozen=True)
class Position:
    """How far a pass is: what it looks for, when it began (UTC), and the last key that is surely dealt with.

    `since` is None in the first pass, which takes everything; `started` None before a pass's first step; `stays`
    counts the steps that did not get beyond `after`.
    """

    since: dt.datetime | None = None
    started: dt.datetime | None = None
    after: str = ""
    stays: int = 0

    def to_text(self) -> str:
        """Return the position as a sensor's cursor: some 100 bytes and one key (S3's have up to 1,024)."""
        times = [each and each.isoformat() for each in (self.since, self.started)]
        content = {"since": times[0], "started": times[1], "after": self.after, "stays": self.stays}
        return json.dumps(content, ensure_ascii=False)

    @staticmethod
    def from_text(text: str | None) -> "Position":
        """Read a cursor. One that can't be read begins anew, with a pass that looks for everything."""
        try:
            found = json.loads(text or "{}")
            since, started = (
                dt.datetime.fromisoformat(found[name]) if found.get(name) else None
                for name in ("since", "started")
            )
            return Position(since, started, str(found.get("after", "")), int(found.get("stays", 0)))
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

    What is found is found again by the next step until `known` knows it, so the caller may keep the new position
    before or after it has taken what was found. A step that found something does not end a pass.

    Raises:
        LandingError: the bucket can't be listed; the position stays as it was. After a first page that came, a
            server that does not answer in time ends the step and no more.
    """
    position = replace(position, started=position.started or now)
    deadline = time.monotonic() + limits.seconds
    pages = zone.bucket.pages(zone.prefix, after=position.after, seconds=limits.page_seconds)
    found: list[LandingObject] = []
    sure, looked_at = position.after, 0
    for number in range(limits.pages):
        try:
            page = next(pages, None)
        except LandingUnavailableError:
            if number == 0:
                raise
            break
        if page is None:
            if found:
                break
            return Step((), Position(since=position.started), looked_at, ended=True)
        looked_at += len(page)
        fresh = zone.fresh([each for each in page if position.looks_for(each)])
        if not found:
            sure = _last_before(page, fresh) or sure
        found += fresh[: limits.objects - len(found)]
        if len(found) == limits.objects or time.monotonic() > deadline:
            break
    return Step(tuple(found), _kept(position, sure, found), looked_at, ended=False)


def _last_before(page: Sequence[LandingObject], fresh: Sequence[LandingObject]) -> str:
    """Return the last key of the page in front of those that are fresh; empty if there is none."""
    keys = [each.key for each in page]
    end = keys.index(fresh[0].key) if fresh else len(keys)
    return keys[end - 1] if end else ""


def _kept(position: Position, sure: str, found: Sequence[LandingObject]) -> Position:
    if sure != position.after:
        return replace(position, after=sure, stays=0)
    if found and position.stays + 1 >= PATIENCE:
        return replace(position, after=found[0].key, stays=0)
    return replace(position, stays=position.stays + bool(found))
