"""A year of days through the daemon: killed in the middle, resumed, failed, cancelled.

"Computed once" means: exactly one materialization of each day of each asset is recorded, and a day whose
materialization is recorded is not computed again. What a killed run had computed and not recorded is computed
again, by the daemon's retry of that run from the step where it stopped; those days are counted.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.local.backfill.launches import Backfills
from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform
from support.year import ASSETS, DAYS, DEFINITIONS, PER_RUN, Year, days

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
EVERY_DAY = days("2025-01-01", "2025-12-31")
RANGE = ("--from", "2025-03-01", "--to", "2025-03-10")


@pytest.fixture(scope="module")
def year() -> Iterator[Year]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", locations={"year": DEFINITIONS})
    platform = Platform(StateFolder(folder / "state"), root)
    try:
        platform.up()
        yield Year(platform)
    finally:
        platform.slipway("clean", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


def launch(platform: Platform, *arguments: str) -> str:
    done = platform.slipway("backfill", *arguments, "--no-wait")
    assert done.returncode == 0, done.stderr
    return done.stdout.split("Launched backfill ")[1].split()[0]


def test_a_year_of_seven_assets_killed_in_the_middle(year: Year) -> None:
    platform = year.platform
    began = time.monotonic()
    backfill = launch(platform, "step_1+", "--all")
    year.wait_until(lambda: len(year.computed()) >= 2 * len(ASSETS), timeout=300)
    year.hold()
    # As many runs of backfills as go at a time: then no other is between two events when everything dies.
    year.wait_until(lambda: len(year.held()) == 2)
    held, before = year.held(), year.materializations()
    assert 0 < len(before) < DAYS * len(ASSETS)
    platform.kill_everything()
    year.let_go()
    assert "2 interrupted runs" in platform.up()

    resumed = platform.slipway("backfill", "--resume", backfill, timeout=900)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    took = time.monotonic() - began
    assert f"{DAYS * len(ASSETS):,} of {DAYS * len(ASSETS):,} partitions" in resumed.stdout

    once = dict.fromkeys(((asset, day) for asset in ASSETS for day in EVERY_DAY), 1)
    assert dict(year.materializations()) == once
    times = year.times_computed()
    lost = {
        (asset, day)
        for asset, run, first, last in year.computed()
        if held.get(run) == asset
        for day in days(first, last)
    }
    assert set(times) == set(once)
    assert {each for each, count in times.items() if count > 1} == lost
    assert set(before) & lost == set()
    assert {times[each] for each in lost} == {2}
    assert len(lost) <= 2 * PER_RUN
    for place, asset in enumerate(ASSETS):
        assert year.stored(asset) == {day: number + place for number, day in enumerate(EVERY_DAY, 1)}

    runs = Backfills(platform.web).progress(backfill).runs
    assert (runs["succeeded"], runs["failed"]) == (-(-DAYS // PER_RUN), 2)
    figures = f"{took:.0f} s, {sum(runs.values())} runs, 2 of them retries, {len(lost)} days computed twice"
    print(f"{DAYS} days x {len(ASSETS)} assets, killed once: {figures}")  # noqa: T201 - pytest -rP shows it


def test_a_day_that_fails_is_named_and_resumed(year: Year) -> None:
    platform = year.platform
    (year.folder / "poison").write_text("2025-03-05")
    before = year.times_computed()
    failed = platform.slipway("backfill", "step_1+", *RANGE, timeout=600)
    assert failed.returncode == 1, failed.stdout
    assert "step_3: ValueError: the supplier sent nothing for 2025-03-05" in failed.stdout
    backfill = failed.stdout.split("slipway backfill --resume ")[1].split()[0]
    (year.folder / "poison").unlink()
    resumed = platform.slipway("backfill", "--resume", backfill, timeout=600)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "of the 50 partitions" in resumed.stdout
    again = year.times_computed() - before
    expected = {(asset, day) for asset in ASSETS for day in days("2025-03-01", "2025-03-10")}
    assert dict(again) == dict.fromkeys(expected, 1)
    nothing = platform.slipway("backfill", "step_1+", *RANGE, "--missing")
    assert (nothing.returncode, nothing.stdout.strip()) == (0, "Nothing is missing.")


def test_a_backfill_can_be_cancelled(year: Year) -> None:
    platform = year.platform
    year.hold("2025-05")
    chosen = ("step_1", "--from", "2025-05-01", "--to", "2025-05-10")
    backfill = launch(platform, *chosen)
    year.wait_until(year.held)
    doubled = platform.slipway("backfill", *chosen, "--missing")
    assert "Nothing is missing" in doubled.stdout
    cancelled = platform.slipway("backfill", "--cancel", backfill)
    assert cancelled.returncode == 0, cancelled.stdout + cancelled.stderr
    assert "what it had materialized is kept" in cancelled.stdout
    year.let_go()
    followed = platform.slipway("backfill", "--follow", backfill)
    assert followed.returncode == 1
    assert f"--resume {backfill}" in followed.stdout
