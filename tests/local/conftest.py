"""The platform that the local suite runs on, started once; tests that break it start their own."""

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.local.state import StateFolder
from support.platform import Platform

DEMO_ORDERS = 4000


@pytest.fixture(scope="session")
def state_path() -> Iterator[Path]:
    # Short, as people's are: a Unix socket's path holds about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    yield folder / "state"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def platform(state_path: Path) -> Iterator[Platform]:
    """A running platform with the demo data loaded and everything materialized."""
    running = Platform(StateFolder(state_path))
    try:
        # Half a minute between two looks for new files is long for a test.
        running.up("--demo-args", f"orders: --orders {DEMO_ORDERS}", ORDERS_LANDING_INTERVAL_SECONDS="5")
        yield running
    finally:
        done = running.slipway("clean", "--yes")
        assert done.returncode == 0, done.stderr
        assert not state_path.exists()


@pytest.fixture(scope="session")
def last_day(platform: Platform) -> dt.date:
    """The last day of the demo's feed, which the first run filled: yesterday, unless midnight (UTC) has passed since."""
    query = "SELECT max((received_at AT TIME ZONE 'UTC')::date) FROM orders"
    with platform.connect("order_entry") as connection:
        (day,) = connection.execute(query).fetchone() or (None,)
    assert isinstance(day, dt.date)
    return day
