"""Ticks of the sensor where the S3 server is slow, or does not answer: a proxy in front of it holds the listings.

How long something takes is not looked at, but what a tick did: where it stopped, and that others went on.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
from landing_zone import Zone
from s3_proxy import proxied
from s3_server import S3Server
from test_landing_masses import instance, record

from orders.defs.arrivals.sensor import build_landing_sensor
from orders.defs.arrivals.settings import ArrivalSettings
from slipway.resources.landing import LandingUnavailableError
from slipway.resources.landing_scan import Limits

__all__ = ["instance"]
pytestmark = pytest.mark.long

PAGE = 1000
FILES = 3 * PAGE + 500


class Slow:
    """A zone behind a proxy that has `wait` called with the number of each request for a listing."""

    def __init__(self, zone: Zone, versions: dict[str, str]) -> None:
        self.zone, self.versions = zone, versions
        self.asked: Counter[str] = Counter()
        self.listings = 0
        self.wait: Callable[[int], object] = lambda _: None

    def before(self, method: str, path: str) -> None:
        if method == "GET" and "list-type=2" in path:
            self.listings += 1
            self.wait(self.listings)

    def limit(self, seconds: float, page_seconds: float) -> None:
        """Bound ticks by time, and not by what they find."""
        limits = Limits(objects=10 * FILES, seconds=seconds, page_seconds=page_seconds)
        self.zone.sensor = build_landing_sensor(ArrivalSettings(waiting_runs=10 * FILES), limits)

    def tick(self) -> tuple[int, int]:
        """Return how many listings a tick asked for, and how many runs."""
        before = self.listings
        requests = self.zone.ask()
        asked = self.listings - before
        self.asked.update(request.run_key for request in requests)
        if requests:
            record(self.zone, requests)
        return asked, len(requests)

    def until_idle(self) -> list[tuple[int, int]]:
        """Tick until a pass over all files has ended that found nothing more to ask for; return what each did."""
        ticks = [self.tick()]
        while sum(self.asked.values()) < FILES or '"started": null' not in (self.zone.cursor or ""):
            ticks.append(self.tick())
            assert len(ticks) < 100
        return ticks

    def assert_each_once(self) -> None:
        names = self.versions.items()
        assert self.asked == {f"s3://{self.zone.bucket}/{name}#{version}": 1 for name, version in names}


@pytest.fixture
def slow(
    s3: S3Server,
    instance: dg.DagsterInstance,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Slow]:
    zone = Zone(f"slow-{abs(hash(request.node.name)) % 10**6}", ArrivalSettings(), instance)
    names = [f"orders/{number:05}.csv" for number in range(FILES)]
    slow = Slow(zone, {name: s3.place(zone.bucket, name, name.encode()) for name in names})
    with proxied(s3.url, slow.before) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield slow


@contextmanager
def held(slow: Slow, number: int) -> Iterator[None]:
    """Hold the answers to all listings from the `number`-th on, for longer than a tick may wait for one."""
    free = threading.Event()
    slow.wait = lambda each: each < number or free.wait(45)
    try:
        yield
    finally:
        free.set()
        slow.wait = lambda _: None


def test_slow_listings_end_a_tick_early_and_the_next_goes_on(slow: Slow) -> None:
    slow.limit(seconds=0.2, page_seconds=20)
    slow.wait = lambda _: time.sleep(0.5)
    ticks = slow.until_idle()
    # A page is more than there is time for, where ten might be asked for.
    assert max(listings for listings, _ in ticks) == 1
    assert [runs for _, runs in ticks if runs] == [PAGE, PAGE, PAGE, FILES % PAGE]
    assert slow.tick() == (1, 0)
    slow.assert_each_once()


def test_a_listing_that_never_answers_ends_a_tick_with_what_it_has(slow: Slow) -> None:
    slow.limit(seconds=60, page_seconds=12)
    with held(slow, 3):
        assert slow.tick()[1] == 2 * PAGE
        # Nor does the next one, which waits for its first page.
        cursor = slow.zone.cursor
        with pytest.raises(LandingUnavailableError, match=f"s3://{slow.zone.bucket}/orders"):
            slow.tick()
        assert slow.zone.cursor == cursor
    slow.until_idle()
    slow.assert_each_once()
