"""`slipway tools`: kind, helm, kubectl and docker for a shell.

Does not belong here: where they come from (`slipway.cluster`).
"""

import typer
from rich.console import Console

from slipway.cluster.engine import find_engine
from slipway.cluster.errors import ClusterError
from slipway.cluster.tools import exports, find_tools
from slipway.progress import Steps
from slipway.repository import find_root, read_repository


def tools() -> None:
    """Print what a shell needs to have kind, helm, kubectl and docker: eval "$(slipway tools)". Builds what is missing."""
    # Progress goes to stderr: stdout is for the shell.
    steps = Steps(Console(stderr=True, highlight=False))
    with steps.shown():
        found = find_tools(read_repository(find_root()), steps)
    try:
        engine = find_engine()
    except ClusterError as error:
        steps.console.print(f"[yellow]{error}[/yellow]")
        engine = None
    for line in exports(found, engine):
        typer.echo(line)
