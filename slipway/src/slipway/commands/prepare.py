"""`slipway prepare`: what code locations make once of their sources.

A line over `slipway.local.locations.prepare`, for `make install`; `make up` and `make reload` do it themselves.
"""

from slipway.commands.checkout import console, open_platform
from slipway.local.locations import prepare as prepare_location


def prepare() -> None:
    """Run the step that code locations declare as [tool.slipway] prepare, in their installed environments."""
    for location in open_platform().repository.code_locations:
        if location.prepare:
            prepare_location(location)
            console.print(f"{location.name} is prepared.")
