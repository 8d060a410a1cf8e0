"""Which day the schedule runs for."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from orders.definitions import build_defs
from slipway.environment import Environment
from slipway.resources import PostgresResource
from slipway.storage import ParquetIOManager

RESOURCES = {
    "io_manager": ParquetIOManager(base_url="file:///never/used"),
    "source": PostgresResource(url="postgresql://never@used/"),
}


def schedule(environment: Environment = Environment.LOCAL) -> dg.ScheduleDefinition:
    defs = build_defs(resources=RESOURCES, environment=environment)
    return defs.get_repository_def().get_schedule_def("daily_pipeline_schedule")


@pytest.mark.parametrize(
    ("tick", "day"),
    [
        ("2026-03-06T06:00:00", "2026-03-05"),
        ("2026-01-02T06:00:00", "2026-01-01"),
        ("2027-01-01T06:00:00", "2026-12-31"),
        ("2028-03-01T06:00:00", "2028-02-29"),
        ("2026-03-29T06:00:00", "2026-03-28"),  # clocks change in Europe
    ],
)
def test_a_tick_is_for_the_day_before(tick: str, day: str) -> None:
    instant = datetime.fromisoformat(tick).replace(tzinfo=UTC)
    defs = build_defs(resources=RESOURCES)
    with dg.build_schedule_context(
        scheduled_execution_time=instant, repository_def=defs.get_repository_def()
    ) as context:
        found = schedule().evaluate_tick(context)
    assert [request.partition_key for request in found.run_requests] == [day]
    window = defs.resolve_job_def("daily_pipeline").partitions_def.time_window_for_partition_key(day)
    assert (window.end - window.start).total_seconds() == 86_400
    assert window.end == instant.replace(hour=0)


def test_it_ticks_at_six_utc_every_day() -> None:
    found = schedule()
    assert (found.cron_schedule, found.execution_timezone) == ("0 6 * * *", "UTC")


@pytest.mark.parametrize("environment", Environment)
def test_it_is_on_in_production_only(environment: Environment) -> None:
    running = schedule(environment).default_status is dg.DefaultScheduleStatus.RUNNING
    assert running == (environment is Environment.PROD)
