"""When the assets are made together.

Belongs here: jobs and their schedules. Does not belong here: retries, pools, sensors and automation
conditions, which are the platform's or an asset's own.
"""

from typing import Any

import dagster as dg

from slipway.canary import build_canary_job
from slipway.environment import Environment
from slipway.launch import celery_k8s_job_executor, in_process_executor, k8s_job_executor
from slipway.launch.warm import WARM_TAG
from slipway.limits import SCHEDULED

HOUR = 6
"""UTC. The day that ended is complete but for late orders, and reports are there before work begins."""

daily_pipeline = dg.define_asset_job(
    "daily_pipeline",
    # What files bring comes when they do, and with a file's name in the run's config.
    selection=(dg.AssetSelection.all() - dg.AssetSelection.groups("arrivals"))
    # Whether a day has brought fewer than usual is known when it is over.
    | dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("landed_orders"), "row_count_anomaly")),
    description="All assets of the order system and their checks: the day's partition of those that have "
    "partitions, the others anew.",
)


def revenue_in_pods(environment: Environment) -> Any:
    """Return the job that makes the revenue with a pod for each step: `cleaned_orders` gets the memory it asks for.

    On this machine there are no pods; the steps go one after the other in the run's process.
    """
    return dg.define_asset_job(
        "revenue_in_pods",
        selection=dg.AssetSelection.assets("cleaned_orders", "daily_revenue"),
        executor_def=in_process_executor if environment is Environment.LOCAL else k8s_job_executor,
        description="cleaned_orders and daily_revenue of what raw_orders has brought, each in a pod of its own: "
        "an order system of any size needs no large pod for the whole run.",
    )


def raw_orders_in_queue(environment: Environment) -> Any:
    """Return the job that reads all of the feed when its turn in the order system's queue has come.

    The queue's workers bound how many steps read at a time over all runs, as the pool does; in a queue a run can go
    before those that wait (`dagster-celery/run_priority`). On this machine there is no queue, but the pool.
    """
    return dg.define_asset_job(
        "raw_orders_in_queue",
        selection=dg.AssetSelection.assets("raw_orders"),
        executor_def=in_process_executor if environment is Environment.LOCAL else celery_k8s_job_executor,
        description="All deliveries anew, and their checks, each step in a pod when its turn in a queue has come.",
    )


def canaries(environment: Environment) -> list[dg.JobDefinition]:
    """Return a job for each way in which runs of this location are executed (`slipway.canary`)."""
    if environment is Environment.LOCAL:
        return [build_canary_job()]
    return [
        build_canary_job(),
        build_canary_job("canary_in_pods", k8s_job_executor),
        build_canary_job("canary_in_queue", celery_k8s_job_executor),
        build_canary_job("canary_warm", tags={WARM_TAG: "true"}),
    ]


def daily_pipeline_schedule(environment: Environment) -> Any:
    """Return the schedule that runs `daily_pipeline` at HOUR for the day before.

    In production it is on from the first deployment: a schedule that waits for a click is forgotten.
    Elsewhere it is off: a laptop or a test cluster has nobody who waits for the report, and each would read
    the source every morning. A switch in the UI goes before this default.
    """
    running = environment is Environment.PROD
    return dg.build_schedule_from_partitioned_job(
        daily_pipeline,
        name="daily_pipeline_schedule",
        description="Every day at 06:00 UTC, the partition of the day before.",
        hour_of_day=HOUR,
        # On the schedule and not on the job: a backfill of the job waits behind it.
        tags=SCHEDULED,
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )
