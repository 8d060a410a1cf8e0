"""What the commands do, step by step: choose, show, launch, resume, cancel.

Does not belong here: options (`slipway.commands`) and how progress looks (`following.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slipway import limits
from slipway.graphql import GraphQL
from slipway.local.backfill import following, plan
from slipway.local.backfill.assets import Asset, read_assets
from slipway.local.backfill.interruption import held_back
from slipway.local.backfill.launches import LAUNCHED_BY_TAG, Backfills
from slipway.local.backfill.plan import Target
from slipway.local.backfill.selection import select
from slipway.local.errors import LocalPlatformError
from slipway.local.platform import LocalPlatform
from slipway.local.programs import DAEMON, WEBSERVER

_SHOWN_RANGES = 6
_CANCEL_SECONDS = 120.0
_WAIT_FOR_ID = (
    "Interrupted; waiting to be told which backfill goes on. "
    "After another Ctrl-C, only the UI tells whether there is one (Runs, Backfills)."
)


@dataclass(frozen=True)
class Wishes:
    """Which partitions a person asks for."""

    first: str | None = None
    last: str | None = None
    missing: bool = False
    everything: bool = False
    location: str | None = None


@dataclass(frozen=True)
class Work:
    """One command at work on a running platform.

    Attributes:
        going: the backfills that go on without this command, should it be interrupted.
    """

    backfills: Backfills
    console: Console
    going: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, platform: LocalPlatform, console: Console) -> "Work":
        """Return the work on `platform`.

        Raises:
            LocalPlatformError: the platform, its webserver or its daemon does not run.
        """
        if not platform.supervisor.is_running():
            raise LocalPlatformError("The platform does not run.", "Start it with `make up`.")
        for name in (WEBSERVER, DAEMON):
            if not platform.supervisor.process(name).running:
                raise LocalPlatformError(
                    f"The {name} does not run, and backfills are its work.", "Bring it back with `make up`."
                )
        return cls(Backfills(GraphQL(platform.ports().webserver)), console)

    def choose(self, words: Sequence[str], wishes: Wishes) -> list[Target]:
        """Return what a backfill takes; empty when nothing is missing.

        Raises:
            LocalPlatformError: no such asset or partition, or it is not said which partitions.
        """
        chosen = select(read_assets(self.backfills.web), words, wishes.location)
        bounds = bool(wishes.first or wishes.last)
        if wishes.everything and (bounds or wishes.missing):
            raise LocalPlatformError(
                "--all is every partition, whatever became of it.", "Leave out the rest."
            )
        if not (bounds or wishes.missing or wishes.everything) and any(each.partitioned for each in chosen):
            raise LocalPlatformError(
                "It is not said which partitions.", "Add --from and --to, or --missing, or --all."
            )
        targets = plan.in_range(chosen, wishes.first, wishes.last)
        return self.missing_of(targets) if wishes.missing else targets

    def missing_of(self, targets: Sequence[Target], *, once: bool = True) -> list[Target]:
        """Return what is missing of `targets` and is neither in a run nor in a backfill that goes on; say what is."""
        elsewhere = _spread(self.backfills.taken(), [target.asset for target in targets])
        found = plan.missing(targets, elsewhere, once=once)
        left = sum(len(at.keys) for at in plan.missing([_idle(at) for at in targets], once=False))
        if left := left - sum(len(at.keys) for at in found):
            self.console.print(f"{left:,} missing partitions are being made already; they are left alone.")
        return found

    def missed(self, location: str | None, first: str | None) -> dict[str, list[Target]]:
        """Return what is missing of every partitioned asset, by code location: a backfill never spans two.

        Dagster puts assets with the same days and policy into one run, of two code locations too, and can't start it.
        """
        assets = [each for each in read_assets(self.backfills.web) if each.partitions]
        places = sorted({asset.location for asset in assets})
        if location and location not in places:
            raise LocalPlatformError(
                f"No code location {location!r} with partitioned assets is served.",
                f"Those that are: {', '.join(places) or 'none'}.",
            )
        found = {}
        for place in [location] if location else places:
            targets = plan.since([asset for asset in assets if asset.location == place], first)
            if missing := self.missing_of(targets, once=False):
                found[place] = missing
        return found

    def show_plan(self, targets: Sequence[Target]) -> None:
        """Print which partitions of which assets would be made, in how many runs."""
        table = Table("asset", "partitions", "which", box=SIMPLE)
        for target in targets:
            count = f"{len(target.keys):,}" if target.asset.partitioned else ""
            table.add_row(target.asset.name, count, _ranges(target))
        self.console.print(table)
        groups = plan.runs(targets)
        for group, runs in groups:
            size = group[0].asset.per_run
            policy = (
                "" if not group[0].asset.partitioned else "a range" if size is None else f"{size} partitions"
            )
            each = f", {policy} each" if policy else ""
            names = ", ".join(target.asset.name for target in group)
            self.console.print(f"{_runs(runs)} of {names}{each}", soft_wrap=True)
        self.console.print(f"{_runs(sum(runs for _, runs in groups))} in all.")

    def launch(self, targets: Sequence[Target], tags: Mapping[str, str], name: str = "backfill") -> str:
        """Hand `targets` to the daemon, say so, and return the backfill's id."""
        names = [target.asset.name for target in targets]
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
        keys = sorted(key for target in targets for key in target.keys[:1] + target.keys[-1:])
        span = f", {keys[0]} to {keys[-1]}" if keys else ""
        every = {**limits.BULK, LAUNCHED_BY_TAG: name, **tags}
        backfill = self._handed_over(lambda: self.backfills.launch(targets, f"{name}: {shown}{span}", every))
        self.console.print(
            f"Launched backfill [bold]{backfill}[/bold] of {escape(shown)}{span}: "
            f"{self.backfills.web.url}/runs/b/{backfill}",
            soft_wrap=True,
        )
        return backfill

    def follow(self, backfills: Sequence[str]) -> bool:
        """Show backfills until they have ended; return whether all was materialized."""
        self.going[:] = backfills
        return following.follow(self.backfills, backfills, self.console)

    def say_what_goes_on(self) -> None:
        """Print, after an interruption, what goes on without this command, and how to come back to it."""
        for each in self.going:
            self.console.print(
                f"Backfill {each} goes on without this command. {following.ways_back(each)}", soft_wrap=True
            )
        if not self.going:
            self.console.print("Interrupted.")

    def say_ways_back(self, backfills: Sequence[str]) -> None:
        """Print how to come back to backfills that go on."""
        for each in backfills:
            self.console.print(following.ways_back(each), soft_wrap=True)

    def resume(self, backfill: str) -> str | None:
        """Return the id to follow: the backfill's own while it goes on, else that of a new one for what it left."""
        before = self.backfills.progress(backfill)
        if before.active:
            self.console.print(f"Backfill {backfill} still goes on.")
            return backfill
        if before.succeeded:
            self.console.print(f"Backfill {backfill} has materialized everything; nothing is left.")
            return None
        again = self._handed_over(lambda: self.backfills.again(backfill))
        left = before.total("targeted") - before.total("materialized")
        self.console.print(
            f"Launched backfill [bold]{again}[/bold] of the {left:,} partitions that {backfill} left."
        )
        return again

    def cancel(self, backfill: str, *, wait: bool) -> None:
        """End a backfill; return when its runs have ended.

        Raises:
            LocalPlatformError: its runs did not end.
        """
        if not self.backfills.progress(backfill).active:
            self.console.print(f"Backfill {backfill} has ended before.")
            return
        self.backfills.cancel(backfill)
        self.console.print(f"Backfill {backfill} is being cancelled.")
        deadline = time.monotonic() + _CANCEL_SECONDS
        while wait and (now := self.backfills.progress(backfill)).active:
            if time.monotonic() > deadline:
                raise LocalPlatformError(
                    f"{now.runs['going']} runs of backfill {backfill} have not ended yet.",
                    f"See {self.backfills.web.url}/runs/b/{backfill}, and terminate them there.",
                )
            time.sleep(following.POLL_SECONDS)
        self.console.print(f"Backfill {backfill} is cancelled; what it had materialized is kept.")

    def _handed_over(self, launch: Callable[[], str]) -> str:
        """Return the id of what `launch` launches; an interruption meanwhile waits until that is known."""
        with held_back(lambda: self.console.print(_WAIT_FOR_ID, soft_wrap=True)):
            backfill = launch()
            self.going.append(backfill)
        return backfill


def tags_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return KEY=VALUE pairs as a mapping."""
    for pair in pairs:
        if "=" not in pair:
            raise LocalPlatformError(f"--tag {pair!r} has no value.", "Write --tag KEY=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)


def _spread(ranges: set[tuple[str, str, str]], assets: Sequence[Asset]) -> set[tuple[str, str]]:
    """Return ranges of partitions as pairs of asset name and key."""
    keys = {asset.name: asset.partitions for asset in assets}
    return {(name, key) for name, first, last in ranges for key in keys.get(name, ()) if first <= key <= last}


def _idle(target: Target) -> Target:
    """Return the target as if no run were at work on it."""
    asset = target.asset
    return Target(Asset(**{**vars(asset), "at_work": frozenset()}), target.keys)


def _ranges(target: Target) -> str:
    texts = [first if first == last else f"{first} to {last}" for first, last in target.ranges]
    more = f" and {len(texts) - _SHOWN_RANGES} more ranges" if len(texts) > _SHOWN_RANGES else ""
    return ", ".join(texts[:_SHOWN_RANGES]) + more


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"
