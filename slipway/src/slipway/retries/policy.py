"""How often a step is tried again, and how long it waits before that.

Belongs here: the delays, and how an asset or an IO manager asks for them. Does not belong here: which errors
are worth another try (`transient`), and runs that lose their process (`slipway.limits`).

Not Dagster's RetryPolicy: that repeats a step for every exception, a bug or bad data too, and also when
the run is being terminated, so that a run whose steps have one does not end when it is told to.
"""

import functools
import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import dagster as dg
from dagster import AssetCheckExecutionContext, AssetExecutionContext

from slipway.retries.transient import can_pass

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Retries:
    """Another try for what can pass, after growing delays; none for anything else.

    Before retry n (1, 2, ...) the step waits `min(longest_seconds, first_seconds * 2 ** (n - 1))` seconds, times a
    random factor from 0.5 to 1, so that steps that failed together don't come back together. With the defaults:
    1 to 2 s, 2 to 4, 4 to 8, 8 to 16, 16 to 32: a minute in all, beyond the time that a resource itself keeps trying
    (30 s for a Postgres connection, 60 s for a request to S3).

    While it waits, the step gives its place in its pool to others; its run keeps its place in the queue.

    Attributes:
        max_retries: tries after the first one; 0 for none.
        first_seconds: the longest wait before the first retry.
        longest_seconds: no wait is longer.
    """

    max_retries: int = 5
    first_seconds: float = 2.0
    longest_seconds: float = 60.0

    def delay(self, retry: int) -> float:
        """Return the seconds to wait before the retry of that number, counted from 1."""
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** (retry - 1))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - nothing secret

    @contextmanager
    def asked_for(self, attempts: Callable[[], int | None]) -> Iterator[None]:
        """Ask Dagster to repeat the step when the block raises something that can pass.

        `attempts` returns how often the step has been tried before, None outside of a step; it is called when something
        was raised. The error stays the cause of Dagster's RetryRequested; all others are raised as they are.
        """
        try:
            yield
        except dg.RetryRequested:
            raise
        except Exception as error:
            before = attempts() if self.max_retries and can_pass(error) else None
            if before is None:
                raise
            raise dg.RetryRequested(self.max_retries, self.delay(before + 1)) from error

    def __call__(self, function: F) -> F:
        """Wrap the function of an asset, a multi-asset, a check or an op: `@retried` below the decorator.

        A function that yields its results is wrapped too; called directly, as in a unit test, it raises what
        it raises.
        """

        @functools.wraps(function)
        def returning(*arguments: Any, **named: Any) -> Any:
            with self.asked_for(_attempts_of_this_step):
                return function(*arguments, **named)

        @functools.wraps(function)
        def yielding(*arguments: Any, **named: Any) -> Any:
            with self.asked_for(_attempts_of_this_step):
                yield from function(*arguments, **named)

        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is asynchronous: use Retries.asked_for inside of it")
        return yielding if inspect.isgeneratorfunction(function) else returning  # type: ignore[return-value]


retried = Retries()
"""The decorator with the defaults."""


def attempts_of(context: dg.InputContext | dg.OutputContext) -> int | None:
    """Return how often the step of an IO manager's context has been tried before; None outside of a step."""
    try:
        return context.step_context.previous_attempt_count
    except dg.DagsterInvariantViolationError:
        return None


def _attempts_of_this_step() -> int | None:
    for kind in (AssetExecutionContext, AssetCheckExecutionContext):
        try:
            return int(kind.get().retry_number)
        except dg.DagsterInvariantViolationError:
            continue
    return None
