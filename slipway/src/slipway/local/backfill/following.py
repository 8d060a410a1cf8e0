"""What a person sees of a backfill until it has ended: progress, and in the end why something failed.

On a terminal a table that is alive; elsewhere a line whenever something moved, so that a log shows
where the time went. Changes nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from slipway.errors import WebserverError
from slipway.local.backfill.launches import Backfills, Progress
from slipway.local.errors import LocalPlatformError

POLL_SECONDS = 1.0
# Outside a terminal: how often progress is written at most.
NEWS_SECONDS = 5.0
_SHOWN_REASONS = 5


@dataclass
class Pace:
    """How fast a backfill goes, from what was seen since the following began."""

    _first: tuple[float, int] | None = field(default=None)

    def text(self, progress: Progress, now: float) -> str:
        """Return partitions a minute and the time left; empty until some are done."""
        # What failed counts as to be done: the run may be retried, and its partitions with it.
        done = progress.total("materialized")
        if self._first is None:
            self._first = (now, done)
        began, before = self._first
        if done <= before or now <= began:
            return ""
        rate = (done - before) / (now - began)
        left = (progress.total("targeted") - done) / rate
        return f"{rate * 60:,.0f} partitions a minute, about {duration(left)} left"


def follow(backfills: Backfills, ids: Sequence[str], console: Console) -> bool:
    """Show backfills until all have ended; return whether everything was materialized.

    Raises:
        LocalPlatformError: the webserver does not answer any more; the hint says how to come back.
    """
    try:
        ended = _watch(backfills, ids, console)
    except WebserverError as error:
        way_out = f"It goes on when the platform does (`make up`). {ways_back(' '.join(ids))}"
        raise LocalPlatformError(f"The backfill can't be watched any more. {error}", way_out) from error
    for progress in ended:
        report(backfills, progress, console)
    return all(progress.succeeded for progress in ended)


def ways_back(backfill: str) -> str:
    """Return how to come back to a backfill that goes on, or to stop it."""
    return f"Watch it: slipway backfill --follow {backfill}; stop it: slipway backfill --cancel {backfill}"


def report(backfills: Backfills, progress: Progress, console: Console) -> None:
    """Print how an ended backfill ended: counts and, where something failed, the innermost errors."""
    took = duration((progress.ended or time.time()) - progress.began)
    mark = "[green]✓[/green]" if progress.succeeded else "[red]✗[/red]"
    console.print(f"{mark} {_line(progress)}; {took}", soft_wrap=True)
    if progress.succeeded:
        return
    if progress.error:
        console.print(f"  The backfill itself: {escape(progress.error)}", soft_wrap=True)
    reasons: dict[str, list[str]] = {}
    for run in backfills.failed_runs(progress.id):
        reasons.setdefault(backfills.web.failure(run), []).append(run)
    for reason, runs in list(reasons.items())[:_SHOWN_REASONS]:
        console.print(f"  [red]{escape(reason)}[/red]", soft_wrap=True)
        where = f"{backfills.web.url}/runs/{runs[0]}"
        console.print(f"    in {len(runs)} runs, for example {where}", soft_wrap=True)
    console.print(
        f"  Put the cause right, then: slipway backfill --resume {progress.id} (takes just what is not materialized)",
        soft_wrap=True,
    )


def duration(seconds: float) -> str:
    """Return a length of time as people say it."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _watch(backfills: Backfills, ids: Sequence[str], console: Console) -> list[Progress]:
    paces = {each: Pace() for each in ids}
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while True:
                seen = [backfills.progress(each) for each in ids]
                live.update(Group(*(_table(at, paces[at.id]) for at in seen)))
                if not any(at.active for at in seen):
                    return seen
                time.sleep(POLL_SECONDS)
    said: dict[str, tuple[str, float]] = {}
    while True:
        seen = [backfills.progress(each) for each in ids]
        for at in seen:
            text, when = said.get(at.id, ("", 0.0))
            now = time.monotonic()
            pace = paces[at.id].text(at, now)
            if at.active and _line(at) != text and now - when >= NEWS_SECONDS:
                said[at.id] = (_line(at), now)
                console.print(f"  {_line(at)}" + (f"; {pace}" if pace else ""), soft_wrap=True)
        if not any(at.active for at in seen):
            return seen
        time.sleep(POLL_SECONDS)


def _line(progress: Progress) -> str:
    runs = ", ".join(f"{count} {state}" for state, count in progress.runs.items() if count)
    counts = f"{progress.total('materialized'):,} of {progress.total('targeted'):,} partitions"
    for kind, word in (("failed", "failed"), ("at_work", "in progress")):
        counts += f", {progress.total(kind):,} {word}" if progress.total(kind) else ""
    status = progress.status.lower().replace("_", " ")
    return f"backfill {progress.id}: {status}, {counts}; runs: {runs or 'none yet'}"


def _table(progress: Progress, pace: Pace) -> RenderableType:
    caption = "; ".join(filter(None, (_line(progress), pace.text(progress, time.monotonic()))))
    table = Table("asset", box=SIMPLE, caption=caption, caption_justify="left")
    for heading in ("done", "in progress", "failed", "of"):
        table.add_column(heading, justify="right")
    for asset in progress.assets:
        failed = f"[red]{asset.failed:,}[/red]" if asset.failed else ""
        at_work = f"{asset.at_work:,}" if asset.at_work else ""
        table.add_row(asset.name, f"{asset.materialized:,}", at_work, failed, f"{asset.targeted:,}")
    return table
