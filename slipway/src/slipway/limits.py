"""How many runs may go at a time, in which order they start, and what happens to one that is lost or hangs.

The same on every platform: the local one takes its Dagster instance's settings from here, and the values of
a cluster have to say the same. Plain data, in the words of Dagster's instance settings; docs/limits.md explains it.
Does not belong here: pools, which each code location declares in its pyproject.toml, and the retries of a
step (`slipway.retries`).
"""

from typing import Any

PRIORITY_TAG = "dagster/priority"
"""Queued runs start, and wait for a pool, in the order of this number, highest first; 0 without the tag."""
LANE_TAG = "slipway/lane"
"""Runs that may come in masses carry it, with a value of their own: a tenant, a source of files."""

SCHEDULED = {PRIORITY_TAG: "10"}
"""For what somebody waits for at a fixed time: before everything that was started by hand or by an event."""
BULK = {PRIORITY_TAG: "-10"}
"""For what can wait: after everything else."""

RUN_RETRIES = {
    "enabled": True,
    "max_retries": 2,
    # A step's own errors are the step's business (slipway.retries); what is retried here is a lost process.
    "retry_on_asset_or_op_failure": False,
}
"""Instance setting `run_retries`. Of one run: the tags dagster/max_retries and dagster/retry_strategy."""

RUN_MONITORING = {
    "enabled": True,
    "poll_interval_seconds": 5,
    # Counted from the last event of a run; its steps' slots in the pools are then free again.
    "free_slots_after_run_end_seconds": 5,
    "cancel_timeout_seconds": 60,
    # A run over many days is created with an event for each day of each asset, one after the other, and this time
    # counts from when that begins: a thousand take seconds, or minutes where Postgres has much to do.
    "start_timeout_seconds": 1800,
    # A run that hangs must not keep its place for ever. A job that may take longer, or should not take as
    # long, says so in its tag dagster/max_runtime.
    "max_runtime_seconds": 24 * 3600,
}
"""Instance setting `run_monitoring`."""


def run_queue(max_concurrent_runs: int) -> dict[str, Any]:
    """Return the instance setting `concurrency.runs` for a platform with that many places.

    Backfills together take two thirds of the places at most, so that what a schedule starts finds one; each
    value of the tag `slipway/lane` half of them. With a single place neither can leave one to others.
    """
    return {
        "max_concurrent_runs": max_concurrent_runs,
        "tag_concurrency_limits": [
            {"key": "dagster/backfill", "limit": max(1, max_concurrent_runs * 2 // 3)},
            {
                "key": LANE_TAG,
                "value": {"applyLimitPerUniqueValue": True},
                "limit": max(1, max_concurrent_runs // 2),
            },
        ],
    }
