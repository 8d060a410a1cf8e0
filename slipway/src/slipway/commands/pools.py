"""`slipway pools`: who uses what is limited, and who waits for it.

Does not belong here: what a pool is, and where its limit comes from (`slipway.local.pools`).
"""

from rich.table import Table

from slipway.commands.checkout import console, open_platform
from slipway.graphql import GraphQL
from slipway.local import pools as found
from slipway.local.errors import LocalPlatformError

_SHORT = 8


def pools() -> None:
    """Show every pool: its limit, and the runs and steps that are in it or wait for it."""
    platform = open_platform()
    if not platform.supervisor.is_running():
        raise LocalPlatformError("The platform does not run.", "Start it with `make up`.")
    table = Table("pool", "limit", "used", "waiting", "in it", "wait for it", box=None)
    for pool in found.states(GraphQL(platform.ports().webserver)):
        counts = map(str, (pool.limit, len(pool.used), len(pool.waiting)))
        table.add_row(pool.name, *counts, _steps(pool.used), _steps(pool.waiting))
    console.print(table)


def _steps(steps: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{step} of {run[:_SHORT]}" for run, step in steps)
