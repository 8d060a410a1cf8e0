"""`slipway backfill`: many partitions at once, by the daemon.

A few lines over `slipway.local.backfill`. Does not belong here: what is chosen and how it is shown.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from slipway.commands.checkout import console, open_platform
from slipway.local.backfill import command as steps
from slipway.local.errors import LocalPlatformError

INTERRUPTED = 130


def backfill(  # noqa: PLR0913, PLR0917 - each option is a parameter
    assets: Annotated[
        list[str] | None,
        typer.Argument(help="Assets: a name, name+, group:NAME, or several; as the UI's filter takes them."),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First partition; 2026-03 for a month.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last partition, included.")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only what was never materialized, or failed.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every partition that there is.")] = False,
    location: Annotated[str | None, typer.Option(help="The code location, if several match.")] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="KEY=VALUE for every run, e.g. dagster/max_retries=5.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Stay and show progress until it has ended.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and stop.")] = False,
    followed: Annotated[str | None, typer.Option("--follow", help="Show a backfill that goes on.")] = None,
    canceled: Annotated[str | None, typer.Option("--cancel", help="End one, its runs included.")] = None,
    resumed: Annotated[
        str | None, typer.Option("--resume", help="Launch what an ended one left unmaterialized.")
    ] = None,
) -> None:
    """Materialize a range of partitions, through the daemon; exit with 1 if any of them failed.

    Ends of this command, Ctrl-C included, leave the backfill going.
    """
    work = steps.Work.of(open_platform(), console)
    with interruptible(work):
        if handled := [each for each in (followed, canceled, resumed) if each]:
            if len(handled) > 1 or assets:
                raise LocalPlatformError(
                    "--follow, --cancel and --resume stand alone.", "Choose one of them."
                )
            if canceled:
                work.cancel(canceled, wait=wait)
                return
            end(work, [work.resume(resumed) if resumed else handled[0]], wait=wait)
            return
        if not assets:
            raise LocalPlatformError(
                "No asset is named.", "For example: slipway backfill daily_orders --missing"
            )
        wishes = steps.Wishes(first, last, missing=missing, everything=everything, location=location)
        targets = work.choose(assets, wishes)
        if not targets:
            console.print("Nothing is missing.")
        elif dry_run:
            work.show_plan(targets)
        else:
            end(work, [work.launch(targets, steps.tags_of(tags or []))], wait=wait)


@contextmanager
def interruptible(work: steps.Work) -> Iterator[None]:
    """Let Ctrl-C end the command with 130, after a word on what goes on without it."""
    try:
        yield
    except KeyboardInterrupt:
        work.say_what_goes_on()
        raise typer.Exit(INTERRUPTED) from None


def end(work: steps.Work, backfills: Sequence[str | None], *, wait: bool) -> None:
    """Follow backfills until they have ended, or say how to: the last step of every command here."""
    going = [each for each in backfills if each]
    if not wait:
        work.say_ways_back(going)
    elif not work.follow(going):
        raise typer.Exit(1)
