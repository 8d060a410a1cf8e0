"""What is made together, and when.

Belongs here: jobs and the schedule. Does not belong here: the sensor (`sensor.py`) and pools (pyproject.toml).
"""

import dagster as dg

from editorial.defs.ingestion import key_of
from editorial.publishers import ALL, Publisher
from slipway.environment import Environment

HOUR = 4
"""UTC. After the publishers' nightly deliveries, and before work begins."""

REPORTS = ("publisher_overview", "top_articles", "section_interest")
"""The models of the group `editorial`: what people read."""

editorial_daily = dg.define_asset_job(
    "editorial_daily",
    selection=dg.AssetSelection.all(),
    description="Everything: the publishers' new files, all models, all checks.",
)


def ingest_name(publisher: Publisher) -> str:
    """Return the name of the job that loads the publisher's files."""
    return f"ingest_{publisher.name}"


ingest_jobs = [
    dg.define_asset_job(
        ingest_name(publisher),
        selection=dg.AssetSelection.assets(*(key_of(table) for table in publisher.tables)),
        description=f"The new files of {publisher.name}, into schema raw; started by raw_download_sensor.",
        tags={"publisher": publisher.name},
    )
    for publisher in ALL
]

refresh_jobs = [
    dg.define_asset_job(
        f"refresh_{report}",
        selection=dg.AssetSelection.assets(report).upstream(),
        description=f"{report} with all that it is made of, ingestion included, and nothing else.",
    )
    for report in REPORTS
]


def editorial_daily_schedule(environment: Environment) -> dg.ScheduleDefinition:
    """Return the schedule that runs `editorial_daily` at HOUR; on in production only, as `orders` has it."""
    running = environment is Environment.PROD
    return dg.ScheduleDefinition(
        name="editorial_daily_schedule",
        job=editorial_daily,
        cron_schedule=f"0 {HOUR} * * *",
        execution_timezone="UTC",
        description="Every day at 04:00 UTC, over the whole graph.",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )
