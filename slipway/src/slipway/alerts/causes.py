"""Failures grouped by root cause, and what is to be said of each cause: that it began, and that it is over.

Knows neither where failures come from (`runs`, `conditions`) nor where messages go (`outbox`).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal[
    "run", "check", "backfill", "freshness", "sensor", "schedule", "location", "daemon", "webserver"
]
# A state that is seen again at every look, not an event that is counted.
CONTINUING = frozenset({"freshness", "location", "daemon", "webserver"})
# Over before anything was said: then nothing is said at all (a reload, a restart).
FLEETING = frozenset({"location", "daemon", "webserver"})
TICKS = frozenset({"sensor", "schedule"})
MOST_SUBJECTS = 500
MOST_CAUSES = 500
# A failed run that nobody repeats would stay open for ever.
FORGET_SECONDS = 14 * 86_400


@dataclass(frozen=True)
class Failure:
    """One thing that was seen failing.

    Attributes:
        kind: what sort of thing.
        cause: failures with the same one are told of together.
        subject: what failed, for example `step:orders/raw_orders@2026-01-01`; its recovery names it too.
        title: what failed, in a few words.
        where: job, partition, asset: as much as is known.
        error: the root error's line.
        location: the code location; empty for the platform itself.
        owners: `team:…` or e-mail addresses; empty when nobody is named.
        link: path in the UI.
        at: when it failed, in seconds since 1970.
        affects: names of what it takes down with it (`asset:…`, `location:…`).
        behind: while a cause that affects one of these is open, this one is only its consequence.
    """

    kind: Kind
    cause: str
    subject: str
    title: str
    where: str
    error: str
    location: str
    owners: tuple[str, ...]
    link: str
    at: float
    affects: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()


@dataclass
class Cause:
    """A root cause that is open, from its first failure to its last recovery.

    Attributes:
        noticed: when the watcher first saw it; `first` and `last` are the failures' own times.
        subjects: what fails for it, each with the time of its newest failure.
        covered: whether it has been the mere consequence of another cause: then it is told only if it outlasts that.
        told: the channels that were told; None as long as nobody was.
        told_at: when they were; None in a file of an older watcher.
        ended: when the last subject recovered; None while it is open.
    """

    key: str
    kind: Kind
    title: str
    where: str
    error: str
    location: str
    owners: list[str]
    link: str
    noticed: float
    first: float
    last: float
    count: int = 0
    subjects: dict[str, float] = field(default_factory=dict)
    affects: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    covered: bool = False
    told: list[str] | None = None
    told_at: float | None = None
    ended: float | None = None

    @property
    def told_since(self) -> float:
        """Since when somebody may know of it."""
        return self.noticed if self.told_at is None else self.told_at


class Ledger:
    """Every open cause, by key."""

    def __init__(self, causes: Iterable[Cause] = ()) -> None:
        self.causes = {cause.key: cause for cause in causes}

    def fail(self, failure: Failure, now: float) -> None:
        """Take note of a failure: a new cause, or one more of an open one."""
        known = self._of_subject(failure.subject)
        if known and (failure.kind in CONTINUING or failure.kind in TICKS):
            _add(known[0], failure)
            return
        key = failure.cause
        cause = self.causes.get(key)
        if cause and cause.ended is not None:
            # It began again before its end was told: so it has not ended.
            cause.ended = None
        if not cause:
            self._make_room()
            cause = self.causes[key] = _opened(failure, now)
        _add(cause, failure)

    def recover(self, subject: str, at: float) -> None:
        """Take note that `subject` was well at the time `at`."""
        for cause in self._of_subject(subject):
            if cause.subjects[subject] <= at:
                del cause.subjects[subject]
                if not cause.subjects:
                    self._end(cause, at)

    def mute(self, subject: str) -> None:
        """Tell nobody of what is open for `subject`, neither now nor when it is over."""
        for cause in self._of_subject(subject):
            cause.told = cause.told or []

    def open_subjects(self, *kinds: Kind) -> set[str]:
        """Return what fails now, of these kinds."""
        return {
            subject for cause in self.causes.values() if cause.kind in kinds for subject in cause.subjects
        }

    def is_covered(self, cause: Cause) -> bool:
        """Whether the cause is only the consequence of another open one."""
        behind = set(cause.behind)
        return any(
            other is not cause and other.ended is None and behind.intersection(other.affects)
            for other in self.causes.values()
        )

    def forget_old(self, now: float) -> list[Cause]:
        """Drop what has not failed again for two weeks, and return it."""
        old = [
            cause
            for cause in self.causes.values()
            if cause.kind not in CONTINUING and now - max(cause.last, cause.noticed) > FORGET_SECONDS
        ]
        for cause in old:
            del self.causes[cause.key]
        return old

    def dump(self) -> list[dict[str, Any]]:
        """Return what `load` reads, as JSON can hold it."""
        return [asdict(cause) for cause in self.causes.values()]

    @classmethod
    def load(cls, dumped: list[dict[str, Any]]) -> "Ledger":
        """Return the ledger that was dumped."""
        return cls(Cause(**each) for each in dumped)

    def _of_subject(self, subject: str) -> list[Cause]:
        return [cause for cause in self.causes.values() if subject in cause.subjects]

    def _end(self, cause: Cause, at: float) -> None:
        if cause.told is None and cause.kind in FLEETING:
            del self.causes[cause.key]
        else:
            cause.ended = at

    def _make_room(self) -> None:
        while len(self.causes) >= MOST_CAUSES:
            oldest = min(self.causes.values(), key=lambda cause: cause.last)
            del self.causes[oldest.key]


def _opened(failure: Failure, now: float) -> Cause:
    return Cause(
        key=failure.cause,
        kind=failure.kind,
        title=failure.title,
        where=failure.where,
        error=failure.error,
        location=failure.location,
        owners=list(failure.owners),
        link=failure.link,
        noticed=now,
        first=failure.at,
        last=failure.at,
        behind=list(failure.behind),
    )


def _add(cause: Cause, failure: Failure) -> None:
    before = cause.subjects.get(failure.subject)
    if before is None and len(cause.subjects) < MOST_SUBJECTS:
        cause.subjects[failure.subject] = failure.at
    elif before is not None:
        cause.subjects[failure.subject] = max(before, failure.at)
    cause.affects = sorted({*cause.affects, *failure.affects})
    if failure.kind not in CONTINUING:
        cause.count += 1
    elif before is None:
        cause.count = len(cause.subjects)
    cause.first = min(cause.first, failure.at)
    cause.last = max(cause.last, failure.at)
