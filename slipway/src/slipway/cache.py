"""The user's cache: what is built once and kept between checkouts, and how two builds stay out of each other's way.

Does not belong here: what is built.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "SLIPWAY_CACHE"


def cache_folder() -> Path:
    """Where built things are kept between checkouts: `$SLIPWAY_CACHE`, else below the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway"


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of `target`, so that one process makes it while others wait."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, which becomes `target` when the block has succeeded.

    What an interrupted call left is thrown away by the next one; nobody ever sees a half-made `target`.
    To be called under the lock of `target`.
    """
    making = target.with_name(target.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        yield making
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)
    making.rename(target)


@contextmanager
def scratch(folder: Path) -> Iterator[None]:
    """Have `folder` empty for the block, and gone after it, however it ends. To be called under the lock of `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
