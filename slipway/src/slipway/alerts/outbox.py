"""Messages on their way: kept until their channel has taken them, tried again ever more slowly, never mixed up.

A channel that is down holds up nobody else. Its messages stay in order; their number and their age are bounded.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slipway.alerts.channels import DeliveryError, deliver
from slipway.alerts.messages import Message
from slipway.alerts.settings import Channel

LONGEST_WAIT = 300.0
MOST_MESSAGES = 1000
# However long a receiver asks to be left alone.
_LONGEST_ASKED = 3600.0
_KEEP_SECONDS = 7 * 86_400
# At once, so that a flood after an outage does not keep the watcher from looking.
_BATCH = 20
_log = logging.getLogger(__name__)


@dataclass
class _Letter:
    channel: str
    message: Message
    attempts: int = 0
    not_before: float = 0.0
    asked: bool = False


class Outbox:
    """The letters that are still to be delivered, oldest first."""

    def __init__(self, letters: list[dict[str, Any]]) -> None:
        self._letters = [_Letter(**{**each, "message": Message(**each["message"])}) for each in letters]

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, message: Message, channels: tuple[str, ...] | list[str]) -> None:
        """Take a message for each of the channels."""
        self._letters += [_Letter(channel, message) for channel in channels]
        while len(self._letters) > MOST_MESSAGES:
            lost = self._letters.pop(0)
            _log.error(
                "More than %s messages wait; dropped for %s: %s",
                MOST_MESSAGES,
                lost.channel,
                lost.message.subject,
            )

    def hurry(self) -> None:
        """Try everything at once, for something was mended; but not what a receiver asked to wait for."""
        for letter in self._letters:
            if not letter.asked:
                letter.not_before = 0.0

    def dump(self) -> list[dict[str, Any]]:
        """Return what the constructor reads, as JSON can hold it."""
        return [asdict(letter) for letter in self._letters]

    def flush(
        self,
        channels: dict[str, Channel],
        folder: Path,
        now: float,
        keep: Callable[[], None],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Deliver what is due, each channel in a thread of its own.

        `keep` is called after each round, so that what was delivered is not delivered again after a restart;
        between two rounds `stopping` may end it.
        """
        due: dict[str, list[_Letter]] = defaultdict(list)
        for letter in self._letters:
            due[letter.channel].append(letter)
        due = {name: letters[:_BATCH] for name, letters in due.items() if letters[0].not_before <= now}
        while due and not stopping():
            with ThreadPoolExecutor(len(due)) as pool:
                heads = {
                    name: pool.submit(self._deliver, channels.get(name), letters[0], folder, now)
                    for name, letters in due.items()
                }
            for name, head in heads.items():
                if head.result():
                    self._letters.remove(due[name].pop(0))
                else:
                    due[name] = []
            keep()
            due = {name: letters for name, letters in due.items() if letters}

    def _deliver(self, channel: Channel | None, letter: _Letter, folder: Path, now: float) -> bool:
        """Return whether the letter is done with."""
        if channel is None:
            return self._failed(letter, DeliveryError("alerts.toml has no such channel any more"), now)
        try:
            deliver(channel, letter.message, folder)
        except DeliveryError as error:
            return self._failed(letter, error, now)
        _log.info("Told %s: %s", letter.channel, letter.message.subject)
        return True

    def _failed(self, letter: _Letter, error: DeliveryError, now: float) -> bool:
        letter.attempts += 1
        # Half of it by chance: several watchers, or channels, must not come back in step.
        slower = min(LONGEST_WAIT, 2.0**letter.attempts) * random.uniform(0.5, 1)  # noqa: S311
        wait = min(error.wait, _LONGEST_ASKED) if error.wait is not None else slower
        letter.not_before, letter.asked = now + wait, error.wait is not None
        if now - letter.message.at > _KEEP_SECONDS:
            _log.error("Given up after a week: %s for %s (%s)", letter.message.subject, letter.channel, error)
            return True
        _log.warning("%s: %s; again in %.0f s (attempt %s)", letter.channel, error, wait, letter.attempts)
        return False
