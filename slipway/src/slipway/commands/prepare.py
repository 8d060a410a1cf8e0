"""`slipway prepare`: what is made once, before anything runs.

A line over `slipway.local`, for `make install` and the tests; `make up` and `make reload` do it themselves.
"""

from typing import Annotated

import typer

from slipway.commands.checkout import console, open_platform
from slipway.local import binaries
from slipway.local.locations import prepare as prepare_location


def prepare(
    servers: Annotated[bool, typer.Option("--servers", help="Build the S3 server's program, too.")] = False,
) -> None:
    """Run the step that code locations declare as [tool.slipway] prepare, in their installed environments."""
    platform = open_platform()
    for location in platform.repository.code_locations:
        if location.prepare:
            prepare_location(location)
            console.print(f"{location.name} is prepared.")
    if servers:
        with platform.steps.shown(), platform.steps.step("S3 server's program") as say:
            binaries.find_s3_server(platform.repository.versions, say)
