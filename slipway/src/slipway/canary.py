"""A job that shows that runs of a code location work: the queue, a process of its own, its storage, its events.

A deployment launches it once when all is ready (`slipway.deploy.verification`). Does not belong here: anything about a
location's own sources; a canary that fails has to mean that the platform is at fault.
"""

import platform
from collections.abc import Mapping
from typing import Any

import dagster as dg

CANARY = "canary"
DESCRIPTION = (
    "Writes a few values to the location's storage and reads them back. Launched after each deployment; "
    "launch it to see whether runs of this location work."
)


@dg.op(description="Returns a small value, which the IO manager stores.")
def write_canary(context: dg.OpExecutionContext) -> dict[str, Any]:
    """Return the run's id and the host, `{"run": str, "host": str}`."""
    return {"run": context.run_id, "host": platform.node()}


@dg.op(description="Reads the stored value back and compares it.")
def read_canary(context: dg.OpExecutionContext, written: dict[str, Any]) -> None:
    """Check that what comes back is this run's own.

    Raises:
        dagster.Failure: it is another run's, or was changed.
    """
    if written.get("run") != context.run_id:
        raise dg.Failure(
            f"the storage gave back {written!r} to the run {context.run_id}", allow_retries=False
        )
    context.log.info("stored on %s, read on %s", written["host"], platform.node())


def build_canary_job(
    name: str = CANARY,
    executor: dg.ExecutorDefinition | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.JobDefinition:
    """Return the job; it needs the resource `io_manager`.

    Args:
        name: its name: one for each lane.
        executor: what runs its two steps; the location's by default.
        tags: tags of its runs.
    """

    @dg.job(name=name, description=DESCRIPTION, executor_def=executor, tags=dict(tags or {}))
    def canary() -> None:
        read_canary(write_canary())

    return canary
