"""`slipway watch` and `slipway alerts …`: the watcher, and what a person asks of it."""

import logging
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from slipway.commands.checkout import console, open_platform
from slipway.local.errors import LocalPlatformError

app = typer.Typer(help="Alerts: what is open, and whether messages arrive.", no_args_is_help=True)
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="alerts.toml; that of the checkout by default.")
]
Folder = Annotated[
    Path | None, typer.Option("--state", help="The watcher's folder; that of the platform by default.")
]


def watch(
    url: Annotated[str, typer.Option(help="The webserver, for example http://dagster-webserver.")],
    settings: Annotated[Path, typer.Option(help="alerts.toml.")],
    state: Annotated[Path, typer.Option(help="A folder of its own: what must survive a restart.")],
) -> None:
    """Watch a platform from outside and tell its owners what fails. `make up` starts it."""
    from slipway.alerts.watcher import Watcher  # noqa: PLC0415 - no other command needs it

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # It would write each URL, and a webhook's URL is its secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    Watcher(url, settings, state).run()


@app.command(name="list")
def list_(state: Folder = None) -> None:
    """Show the open causes, oldest first."""
    from slipway.alerts.overview import open_causes  # noqa: PLC0415 - as above

    causes = open_causes(state or open_platform().state.alerts)
    if not causes:
        console.print("Nothing is open.")
        return
    table = Table("cause", "what", "where", "why", "since (UTC)", "times", "told", box=SIMPLE)
    for cause in causes:
        since = time.strftime("%m-%d %H:%M", time.gmtime(cause.first))
        place = f"{cause.location}, {cause.where}" if cause.location else cause.where
        told = "not yet" if cause.told is None else ", ".join(cause.told) or "nobody"
        table.add_row(cause.key, cause.title, place, cause.error, since, str(cause.count), told)
    console.print(table)


@app.command(name="test")
def try_out(settings: SettingsFile = None, state: Folder = None) -> None:
    """Send a message through every channel; exit with 1 if one did not take it."""
    from slipway.alerts.overview import try_channels  # noqa: PLC0415 - as above
    from slipway.alerts.settings import FILE  # noqa: PLC0415

    platform = open_platform() if settings is None or state is None else None
    file = settings or (platform.repository.root / FILE if platform else Path(FILE))
    folder = state or (platform.state.alerts if platform else Path())
    failed = False
    for name, reason in try_channels(file, folder):
        console.print(f"{name}: {reason or 'took the message'}", soft_wrap=True)
        failed = failed or bool(reason)
    if failed:
        raise LocalPlatformError(
            "Not every channel took the message.", "docs/alerts.md says how to set each up."
        )
