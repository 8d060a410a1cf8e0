"""Ten thousand files at once: the sensor's own function, a real S3 server, run keys looked up in a real Postgres."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from daemon import configure
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from landing_zone import Zone
from s3_server import S3Server

from orders.defs.arrivals.settings import ArrivalSettings
from slipway.testing.postgres import Database

FILES = 10_000
PAGES = 10
"""The most requests for a listing that a tick may make."""
LIST = "ListObjectsV2"


@pytest.fixture
def instance(new_database: Callable[[str], Database], tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    configure(tmp_path, new_database("masses"))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def record(zone: Zone, requests: list[dg.RunRequest]) -> None:
    """Write the rows of runs that have ended, all at once: one by one the daemon takes a fifth of a second each."""
    runs = [zone.new_run(request, dg.DagsterRunStatus.SUCCESS) for request in requests]
    with zone.instance.run_storage.connect() as connection:
        connection.execute(
            RunsTable.insert(),
            [
                {
                    "run_id": run.run_id,
                    "pipeline_name": run.job_name,
                    "status": run.status.value,
                    "run_body": dg.serialize_value(run),
                }
                for run in runs
            ],
        )
        tags = [
            {"run_id": run.run_id, "key": key, "value": value}
            for run in runs
            for key, value in run.tags.items()
        ]
        connection.execute(RunTagsTable.insert(), tags)


@pytest.mark.long
def test_10_000_files_at_once_are_each_taken_once(s3: S3Server, instance: dg.DagsterInstance) -> None:
    zone = Zone("masses", ArrivalSettings(), instance)
    # In no order of their names.
    names = [f"orders/shop-{number % 7}/{number * 7919 % FILES:05}.csv" for number in range(FILES)]
    versions = {name: s3.place(zone.bucket, name, name.encode()) for name in names}
    asked: Counter[str] = Counter()
    sizes, pages, ticks, idle = [], [], 0, 0
    while idle < 2:
        before = s3.requests(LIST)
        requests = zone.ask()
        pages.append(s3.requests(LIST) - before)
        assert len(requests) <= 100
        asked.update(request.run_key for request in requests)
        if requests:
            record(zone, requests)
        ticks, idle = ticks + 1, 0 if requests else idle + 1
        sizes.append(len(zone.cursor or ""))
        if ticks == 20:
            # Behind the place reached, in front of it, and a new version of what has been taken.
            for name, key in (
                ("behind", "shop-0/00000a"),
                ("ahead", "shop-6/99999"),
                ("new", "shop-0/00000"),
            ):
                versions[name] = s3.place(zone.bucket, f"orders/{key}.csv", b"late")
    expected = [f"s3://{zone.bucket}/{name}#{versions[name]}" for name in names]
    late = {"behind": "shop-0/00000a", "ahead": "shop-6/99999", "new": "shop-0/00000"}
    expected += [f"s3://{zone.bucket}/orders/{key}.csv#{versions[name]}" for name, key in late.items()]
    assert asked == dict.fromkeys(expected, 1)
    assert max(sizes) < 200
    assert min(pages) >= 1
    assert max(pages) == PAGES  # of the pass over what has been taken, which is of eleven pages
    # Ticks that find files stop as soon as they have enough of them.
    assert sorted(pages)[len(pages) // 2] <= 2
    # A cursor that is lost is a pass over everything, and no second run.
    zone.cursor = None
    assert [zone.ask() for _ in range(3)] == [[], [], []]
