"""`slipway contracts`: what a code location promises, against what it promised before.

Runs `python -m slipway.contracts` in the location's own environment, where its code can be imported. Does not
belong here: what is compared (`slipway.contracts.baseline`).
"""

import os
import subprocess
from typing import Annotated

import typer

from slipway.commands.checkout import console, open_platform
from slipway.environment import VARIABLE, Environment
from slipway.local import report
from slipway.local.programs import code_server_name

FOLDER = "contracts"
"""The folder of a code location that holds its committed contract files."""


def contracts(
    location: Annotated[str, typer.Argument(help="A code location.")],
    update: Annotated[
        bool, typer.Option("--update", help="Write the committed files of what may be changed so.")
    ] = False,
) -> None:
    """Compare the contracts in a code location's code with the committed and the published ones.

    Exits with 1, and shows the difference, on a breaking change without a new major version, and on
    committed files that are out of date. Without a running platform only the committed ones are compared.
    """
    platform = open_platform()
    at = platform.repository.code_location(location)
    command = [str(at.executable("python")), "-m", "slipway.contracts", at.module, FOLDER]
    environment = {VARIABLE: Environment.LOCAL, **os.environ}
    if platform.supervisor.is_running():
        environment |= report.environment_of(platform, code_server_name(at))
        command.append("--published")
    else:
        console.print("No platform runs: what is published is not compared.")
    if update:
        command.append("--update")
    raise typer.Exit(subprocess.run(command, cwd=at.path, env=environment, check=False).returncode)
