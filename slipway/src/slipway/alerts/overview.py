"""What a person asks of the alerts: the open causes, and whether each channel works. The watcher need not run."""

import time
from collections.abc import Iterator
from pathlib import Path

from slipway.alerts.causes import Cause
from slipway.alerts.channels import DeliveryError, deliver
from slipway.alerts.messages import trial_message
from slipway.alerts.settings import read_settings
from slipway.alerts.state import MemoryFile


def open_causes(folder: Path) -> list[Cause]:
    """Return the open causes that the watcher of `folder` knows, oldest first.

    Raises:
        LocalPlatformError: its memory can't be read.
    """
    memory, _ = MemoryFile(folder).read(time.time())
    causes = [Cause(**each) for each in memory.causes]
    return sorted((cause for cause in causes if cause.ended is None), key=lambda cause: cause.first)


def try_channels(settings_file: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Send a test message through each channel; yield its name, and why it failed or an empty text.

    Raises:
        LocalPlatformError: the settings can't be read.
    """
    for name, channel in read_settings(settings_file).channels.items():
        try:
            deliver(channel, trial_message(name, time.time()), folder)
        except DeliveryError as error:
            yield name, str(error)
        else:
            yield name, ""
