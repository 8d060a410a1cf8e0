"""Ctrl-C while a backfill is handed over: it waits for the answer, or nobody would know what goes on.

Does not belong here: what is said of backfills that go on (`command`).
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back(notice: Callable[[], None]) -> Iterator[None]:
    """Hold an interruption back until the block has ended; a second one ends it at once.

    Args:
        notice: called when something is held back, to say so.

    Raises:
        KeyboardInterrupt: at the end of the block, or at the second Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = False

    def hold(_number: int, _frame: FrameType | None) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True
        notice()

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt
