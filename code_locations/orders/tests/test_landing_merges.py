"""Runs that merge into the same days at the same time: processes of their own, one S3 server."""

import threading
from collections import Counter
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from daemon import Daemon
from landing_zone import DAY, as_csv, orders
from run_processes import run_queued
from s3_proxy import proxied
from s3_server import S3Server

pytestmark = pytest.mark.long

FILES = 4
DAYS = {"2026-03-01": DAY, "2026-03-02": DAY + timedelta(days=1)}


def content(file: int) -> list[dict]:
    """Return orders that all files have, each with another file's rows as the newest, and one that this file alone has."""
    return [
        row
        for day, time in enumerate(DAYS.values())
        for number in (*range(1, 21), 100 + file)
        for row in orders(
            1000 * day + number, day=time, row=10_000 * ((number + file) % FILES), amount=f"{file}.00"
        )
    ]


class Meeting:
    """Lets all runs that have yet to write a day do so at once, each having read what it was: one of them is the first.

    So each day is written FILES times at once, then FILES - 1 times, and at last by one alone.
    """

    def __init__(self) -> None:
        self.writes: Counter[str] = Counter()
        self._lock = threading.Lock()
        rounds = range(FILES, 0, -1)
        self._barriers = {
            day: [barrier for size in rounds for barrier in [threading.Barrier(size)] * size] for day in DAYS
        }

    def __call__(self, method: str, path: str) -> None:
        if method != "PUT" or "/landed_orders/" not in path:
            return
        day = path.rpartition("/")[2].removesuffix(".parquet")
        with self._lock:
            barrier = self._barriers[day].pop(0)
            self.writes[day] += 1
        barrier.wait(55)


def test_runs_that_write_the_same_days_at_once_lose_and_double_nothing(
    daemon: Daemon, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [row for file in range(FILES) for row in content(file)]
    for file in range(FILES):
        s3.place("landing", f"{daemon.home.name}/orders/{file}.csv", as_csv(content(file)))
    daemon.tick()
    meeting = Meeting()
    with proxied(s3.url, meeting) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        ran = run_queued(daemon.home, FILES)
    assert [(each.status, each.attempts, each.outcome) for each in ran.values()] == [
        ("SUCCESS", 1, "")
    ] * FILES
    newest = {row["order_id"]: row for row in sorted(every, key=lambda row: row["received_at"])}
    for number, day in enumerate(DAYS):
        stored = pq.read_table(s3.buckets / "assets" / daemon.home.name / "landed_orders" / f"{day}.parquet")
        expected = [newest[each] for each in sorted(newest) if each // 1000 == number]
        assert stored.to_pylist() == expected
        assert {row["amount"] for row in expected} == {f"{file}.00" for file in range(FILES)}
    # All but one had to begin again, and of these all but one.
    assert meeting.writes == dict.fromkeys(DAYS, sum(range(FILES + 1)))
