"""Reminders of what stays open: one message for each channel, however much there is to remind of.

Does not belong here: the first message of a cause and its last (`watcher`).
"""

from collections.abc import Iterator

from slipway.alerts.causes import Cause, Ledger
from slipway.alerts.settings import Settings


def due(
    ledger: Ledger, settings: Settings, reminded: dict[str, float], now: float
) -> Iterator[tuple[str, list[Cause]]]:
    """Yield each channel that is to be reminded now, with the causes that it was told of long enough ago.

    Args:
        ledger: the open causes.
        settings: say after how many hours, and what is silenced.
        reminded: when each channel was last reminded; brought up to date.
        now: seconds since 1970.
    """
    seconds = settings.remind_hours * 3600
    if not seconds:
        return
    old: dict[str, list[Cause]] = {}
    for cause in ledger.causes.values():
        if cause.ended is None and now - cause.told_since >= seconds and not settings.is_silenced(cause, now):
            for channel in cause.told or ():
                old.setdefault(channel, []).append(cause)
    for channel, causes in old.items():
        if now - reminded.get(channel, 0.0) >= seconds:
            reminded[channel] = now
            yield channel, sorted(causes, key=lambda cause: cause.first)
    for channel in [each for each, at in reminded.items() if each not in old and now - at >= seconds]:
        del reminded[channel]
