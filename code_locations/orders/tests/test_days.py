"""A day is the same UTC day to the schedule, to the partition and to the queries, wherever clocks stand.

In code servers and Postgres sessions of other time zones, at the changes of their clocks, a year's end and a
leap day; each with rows a microsecond to either side of midnight.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time
from databases import make_tables
from pipelines import Pipeline

from slipway.testing.postgres import Database

# Of each zone the days on which its clocks change, between them both hours' worth of days.
CHANGES = {
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Pacific/Auckland": ["2026-04-05", "2026-09-27"],
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
}
EVERYWHERE = ["2026-12-31", "2027-01-01", "2028-02-29", "2028-03-01"]
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(params=CHANGES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The time zone of this process, as it would be of a code server's."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    assert time.localtime(0).tm_gmtoff != 0
    yield request.param
    monkeypatch.undo()
    time.tzset()


def instants(day: date, zone: str) -> list[datetime]:
    """Return the edges of the UTC day and of the zone's own day, from both sides, and noon."""
    midnights = [datetime.combine(day + timedelta(more), datetime.min.time()) for more in (0, 1)]
    edges = [midnight.replace(tzinfo=each) for midnight in midnights for each in (UTC, ZoneInfo(zone))]
    noon = midnights[0].replace(hour=12, tzinfo=UTC)
    return sorted({noon, *(at.astimezone(UTC) + by for at in edges for by in (-MICROSECOND, timedelta()))})


@pytest.fixture
def source(new_database, zone: str) -> Database:
    database = new_database("days")
    make_tables(database)
    database.run(f"ALTER DATABASE days SET timezone = '{zone}'")
    days = [date.fromisoformat(day) for day in CHANGES[zone] + EVERYWHERE]
    moments = sorted({at for day in days for at in instants(day, zone)})
    rows = [
        f"({number}, {number}, 1, '{at.isoformat()}', '{at.isoformat()}', 'completed', 'EUR', '1')"
        for number, at in enumerate(moments, 1)
    ]
    database.run(f"INSERT INTO orders VALUES {', '.join(rows)}")
    return database


def test_schedule_partition_and_rows_agree_on_the_day(source: Database, zone: str, tmp_path: Path) -> None:
    pipeline = Pipeline(source, tmp_path, assets=("daily_orders", "bronze_orders"))
    schedule = pipeline.defs.get_repository_def().get_schedule_def("daily_pipeline_schedule")
    expected: dict[str, list[datetime]] = {}
    for day in CHANGES[zone] + EVERYWHERE:
        begin = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        tick = begin + timedelta(days=1, hours=6)
        with freeze_time(tick):
            repository = pipeline.defs.get_repository_def()
            context = dg.build_schedule_context(scheduled_execution_time=tick, repository_def=repository)
            assert [request.partition_key for request in schedule.evaluate_tick(context).run_requests] == [
                day
            ]
            window = pipeline.job.partitions_def.time_window_for_partition_key(day)
            assert (window.start, window.end) == (begin, begin + timedelta(days=1))
            pipeline.run_day(day)
        expected[day] = [at for at in _instants(source) if at.astimezone(UTC).date() == begin.date()]
        assert begin in expected[day]
        assert window.end - MICROSECOND in expected[day]
        assert window.end not in expected[day]
        assert [row[3] for row in pipeline.rows("daily_orders", day)] == expected[day]
        assert [row[4] for row in pipeline.rows("bronze_orders", day)] == expected[day]


def _instants(source: Database) -> list[datetime]:
    return [at for (at,) in source.rows("SELECT ordered_at FROM orders ORDER BY ordered_at")]
