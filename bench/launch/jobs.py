"""The code that both platforms of `make bench-launch` run: jobs that do nothing, so that all their time is the platform's.

Mounted into the pods of either; only the executor differs, and each platform has its own default.
"""

import os

import dagster as dg

OPS = 10


@dg.asset
def first() -> int:
    """Return what the others count on."""
    return 1


@dg.asset
def second(first: int) -> int:
    """Read an asset and write one."""
    return first + 1


@dg.asset
def third(second: int) -> int:
    """Read an asset and write one."""
    return second + 1


@dg.op
def begin() -> int:
    """Return what the ops after it count on."""
    return 0


@dg.op
def add_one(number: int) -> int:
    """Read an output and write one."""
    return number + 1


@dg.job
def ten_ops() -> None:
    """Run ten ops, each after the one before."""
    number = begin()
    for _ in range(OPS - 1):
        number = add_one(number)


@dg.job
def one_op() -> None:
    """Run a single op, for the burst."""
    begin()


@dg.job(tags={"slipway/warm": "true"})
def warm_op() -> None:
    """Run a single op in a standing process, where there is one."""
    begin()


def _executor() -> dg.ExecutorDefinition | None:
    if os.environ.get("BENCH_PLATFORM") != "slipway":
        return None
    from slipway.launch import in_process_executor  # noqa: PLC0415 - of one of the two platforms

    return in_process_executor


defs = dg.Definitions(
    assets=[first, second, third],
    jobs=[dg.define_asset_job("three_assets", "*"), ten_ops, one_op, warm_op],
    executor=_executor(),
)
