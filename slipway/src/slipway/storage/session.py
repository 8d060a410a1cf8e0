"""What one IO manager works with: its store, where that is, and its settings.

Belongs here: values that writing and reading share. Does not belong here: work.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from slipway.storage.parquet_write import WriteOptions

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Session:
    """An open store and how to use it. `concurrency` is objects at a time."""

    store: "ObjectStore"
    base_url: str
    write_options: WriteOptions
    concurrency: int
    preview: bool


def in_parallel(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> list[Result]:
    """Return `function` of each item, in order, `workers` at a time.

    The first error is raised as soon as what is under way has ended; nothing more is started.
    """
    waiting = list(items)
    if workers <= 1 or len(waiting) <= 1:
        return [function(item) for item in waiting]
    with ThreadPoolExecutor(min(workers, len(waiting))) as pool:
        futures = [pool.submit(function, item) for item in waiting]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
