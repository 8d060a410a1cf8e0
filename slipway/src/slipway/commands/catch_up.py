"""`slipway catch-up`: makes up for the days that were missed.

A few lines over `slipway.local.backfill`.
"""

from typing import Annotated

import typer

from slipway.commands.backfill import end, interruptible
from slipway.commands.checkout import console, open_platform
from slipway.local.backfill.command import Work


def catch_up(
    location: Annotated[str | None, typer.Option(help="One code location; all by default.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="How far back; to the beginning by default.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Stay and show progress until it has ended.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing, and stop.")] = False,
) -> None:
    """Find the partitions that ended and were never materialized, or failed, and backfill just these.

    For after a downtime: a schedule makes up for its last tick only. Exits with 1 if any partition failed.
    """
    work = Work.of(open_platform(), console)
    with interruptible(work):
        found = work.missed(location, first)
        if not found:
            console.print("Nothing was missed.")
            return
        for name, targets in found.items():
            console.print(f"Missing in [bold]{name}[/bold]:")
            work.show_plan(targets)
        if not dry_run:
            end(work, [work.launch(targets, {}, "catch-up") for targets in found.values()], wait=wait)
