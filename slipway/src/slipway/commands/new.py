"""`slipway new`: a code location from the template."""

from typing import Annotated

import typer

from slipway.commands.checkout import console, open_platform
from slipway.scaffold.location import new_location


def new(
    name: Annotated[str, typer.Argument(help="In snake_case: package, folder and asset are called so.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be written.")] = False,
) -> None:
    """Create a code location from the template: own lock, tests, demo data, listed in dg.toml."""
    platform = open_platform()
    files = new_location(platform.repository, name, dry_run=dry_run)
    for file in files:
        console.print(file, style="dim")
    if dry_run:
        console.print("Nothing was written.")
        return
    console.print(f"Created code_locations/{name}, and listed it in dg.toml. Next:")
    console.print(
        "  make up                     serve it (the others run on) and run its first job", soft_wrap=True
    )
    console.print(f"  tools/uv run --directory code_locations/{name} pytest", soft_wrap=True)
    console.print(f"  make reload NAME={name}     serve what you change", soft_wrap=True)
