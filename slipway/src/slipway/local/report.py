"""What the local platform tells a person about itself: the summary after `up`, the status, the logs.

Reads and prints; changes nothing.
"""

import shlex
import time
from pathlib import Path

import psutil
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slipway.alerts.overview import open_causes
from slipway.graphql import AssetStatus, GraphQL
from slipway.local.errors import LocalPlatformError
from slipway.local.platform import LocalPlatform
from slipway.local.supervision import MARKER_VARIABLE, ProcessState

escaped = escape


def print_summary(platform: LocalPlatform, console: Console) -> None:
    """Print what was made, where the UI is and what to try next."""
    web = GraphQL(platform.ports().webserver)
    assets = web.assets()
    for location in platform.repository.code_locations:
        table = Table("asset", title=f"Code location {location.name}", title_justify="left", box=SIMPLE)
        for heading in ("rows", "partitions"):
            table.add_column(heading, justify="right")
        for asset in assets.get(location.name, []):
            table.add_row(asset.name, _number(asset.rows), _partitions(asset))
        console.print(table)
    console.print(f"UI          [bold]{web.url}[/bold]")
    console.print(f"State       {platform.state.path} (assets, databases, logs)", soft_wrap=True)
    console.print("Try next    open the UI, click an asset, then Materialize")
    first = platform.repository.code_locations[0]
    console.print(
        f"            change {first.path.relative_to(platform.repository.root)}/src, then `make reload`"
    )
    console.print("            `make status`, `make logs`, `make down`")


def print_status(platform: LocalPlatform, console: Console) -> bool:
    """Print every process and code location; return whether all are up."""
    processes = platform.supervisor.processes()
    if not processes:
        console.print("The platform does not run. Start it with `make up`.")
        return False
    table = Table("process", "state", "up for", "memory", box=SIMPLE)
    for process in processes:
        colour = "green" if process.running else "red"
        table.add_row(
            process.name, f"[{colour}]{process.state.lower()}[/]", _since(process), _memory(process)
        )
    console.print(table)
    web = GraphQL(platform.ports().webserver)
    states = web.locations() if web.answers() else []
    for status in states:
        text = escape(status.error) if status.error else "loading" if status.loading else "served"
        console.print(f"code location {status.name}: {text}", soft_wrap=True)
    console.print(_alerts(platform), soft_wrap=True)
    console.print(f"UI    {web.url}")
    console.print(f"logs  {platform.state.logs}/<process>.log", soft_wrap=True)
    return (
        all(process.running for process in processes) and bool(states) and not any(at.error for at in states)
    )


def log_files(platform: LocalPlatform, name: str) -> list[Path]:
    """Return the log of the process called `name`, or all logs.

    Raises:
        LocalPlatformError: there is none; the message lists those that exist.
    """
    files = sorted(platform.state.logs.glob("*.log"))
    chosen = [file for file in files if name in ("", file.stem)]
    if not chosen:
        known = ", ".join(file.stem for file in files)
        raise LocalPlatformError(
            f"There is no log of {name!r}." if name else "There are no logs yet.",
            f"There are logs of: {known}." if known else "Start the platform with `make up`.",
        )
    return chosen


def environment_of(platform: LocalPlatform, process: str) -> dict[str, str]:
    """Return the settings that a process was last started with.

    Raises:
        LocalPlatformError: it never was.
    """
    file = platform.state.programs / f"{process}.env"
    if not file.exists():
        raise LocalPlatformError(f"{process} has never been started here.", "Run `make up` first.")
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    # Not a part of the platform: the next `make up` must not take it for something left over.
    return {name: "".join(shlex.split(value)) for name, _, value in pairs if name != MARKER_VARIABLE}


def _alerts(platform: LocalPlatform) -> str:
    try:
        count = len(open_causes(platform.state.alerts))
    except LocalPlatformError as error:
        return f"alerts: {escape(str(error))}"
    return f"alerts: {count} open; `slipway alerts list` shows them" if count else "alerts: none open"


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _partitions(asset: AssetStatus) -> str:
    if asset.partitions == 1:
        return "" if asset.materialized else "never materialized"
    return f"{asset.materialized} of {asset.partitions}"


def _since(process: ProcessState) -> str:
    if not process.running:
        return process.message
    minutes, seconds = divmod(int(time.time()) - process.started, 60)
    return f"{minutes} min {seconds:02d} s"


def _memory(process: ProcessState) -> str:
    try:
        parent = psutil.Process(process.pid)
        total = sum(each.memory_info().rss for each in (parent, *parent.children(recursive=True)))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
    return f"{total / 1e6:.0f} MB"
