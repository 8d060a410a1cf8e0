"""What every command begins with: the checkout around the working folder, and its platform.

Does not belong here: commands.
"""

import os
from pathlib import Path

from rich.console import Console

from slipway.local.platform import LocalPlatform
from slipway.local.state import StateFolder
from slipway.progress import Steps
from slipway.repository import find_root, read_repository

STATE_VARIABLE = "SLIPWAY_STATE"
console = Console(highlight=False)


def open_platform() -> LocalPlatform:
    """Return the platform of the checkout that the working folder is in; touches nothing.

    Raises:
        RepositoryError: the working folder is in no checkout, or the checkout can't be read.
    """
    root = find_root()
    state = Path(os.environ.get(STATE_VARIABLE) or root / ".slipway")
    return LocalPlatform(read_repository(root), StateFolder(state.resolve()), Steps(console))
