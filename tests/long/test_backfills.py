"""A year of days through the daemon: killed at random moments; one that is left, fails and is resumed, one that is cancelled.

"Computed once" means: exactly one materialization of each day of each asset is recorded, and a day whose
materialization is recorded is not computed again. What a killed run had computed and not recorded is computed
again, by the daemon's retry of that run from the step where it stopped; those days are counted. `SLIPWAY_SEED`
chooses the moments anew: a test that failed has printed its own.
"""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.local.state import StateFolder
from support.checkout import copy_checkout
from support.platform import Platform
from support.year import ASSETS, DAYS, DEFINITIONS, PER_RUN, Year, days

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
KILLS = 2
RUNS = -(-DAYS // PER_RUN)
SEED_VARIABLE = "SLIPWAY_SEED"
EVERY_DAY = days("2025-01-01", "2025-12-31")
HELD = ("step_1", "--from", "2025-05-01", "--to", "2025-05-10")
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


def moments(seed: int) -> list[tuple[int, float]]:
    """Return when everything is killed: after so many calls of steps, and so many seconds."""
    chance = random.Random(seed)
    calls = RUNS * len(ASSETS)
    return sorted((chance.randrange(calls), chance.uniform(0, 5)) for _ in range(KILLS))


def test_a_year_of_seven_assets_killed_at_random_moments(year: Year) -> None:
    platform = year.platform
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    print(f"{SEED_VARIABLE}={seed}: killed after (calls, seconds) {moments(seed)}")  # noqa: T201
    began = time.monotonic()
    backfill = launch(platform, "step_1+", "--all")
    for calls, pause in moments(seed):
        year.wait_until(lambda calls=calls: len(year.computed()) >= calls, timeout=400)
        time.sleep(pause)
        platform.kill_everything()
        platform.up()

    resumed = platform.slipway("backfill", "--resume", backfill, timeout=900)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    took = time.monotonic() - began
    total = f"{DAYS * len(ASSETS):,}"
    assert f"{total} of {total} partitions" in resumed.stdout or "nothing is left" in resumed.stdout

    everything = {(asset, day) for asset in ASSETS for day in EVERY_DAY}
    lost = year.runs(backfill, "FAILURE")
    in_doubt, computed, recorded = year.in_doubt(lost), year.times_computed(), year.materializations()
    assert set(computed) == set(recorded) == everything
    again = {each: count for each, count in computed.items() if count > 1}
    assert all(count <= 1 + in_doubt[each] for each, count in again.items())
    # A run that dies between the record of its days and the record that the step has ended: docs/backfills.md.
    twice = {each for each, count in recorded.items() if count > 1}
    assert twice <= set(again)
    for place, asset in enumerate(ASSETS):
        assert year.stored(asset) == {day: number + place for number, day in enumerate(EVERY_DAY, 1)}

    assert len(year.runs(backfill, "SUCCESS")) == RUNS
    figures = f"{took:.0f} s, {RUNS + len(lost)} runs, {len(lost)} of them lost and retried"
    figures += f", {len(again)} days computed twice, {len(twice)} recorded twice"
    print(f"{DAYS} days x {len(ASSETS)} assets, killed {KILLS} times: {figures}")  # noqa: T201 - pytest -rP shows it


def leave_by_ctrl_c(platform: Platform) -> str:
    """Launch a backfill, interrupt the commands that show it, and return the backfill's id."""
    with platform.start("backfill", "step_1+", *RANGE) as command:
        assert command.stdout
        backfill = command.stdout.readline().split("Launched backfill ")[1].split()[0]
        # At once: nothing of it has been shown yet.
        left(command, backfill)
    with platform.start("backfill", "--follow", backfill) as command:
        assert command.stdout
        assert f"backfill {backfill}: requested" in command.stdout.readline()
        left(command, backfill)
    return backfill


def left(command: subprocess.Popen[str], backfill: str) -> None:
    """Interrupt a command that shows a backfill, and see that it tells how to come back."""
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 130, said
    assert f"Backfill {backfill} goes on without this command" in said
    assert f"slipway backfill --follow {backfill}" in said
    assert f"slipway backfill --cancel {backfill}" in said
    assert "Traceback" not in said


def test_one_is_left_by_ctrl_c_fails_and_is_resumed_while_another_is_cancelled(year: Year) -> None:
    platform = year.platform
    (year.folder / "poison").write_text("2025-03-05")
    year.hold("2025-05")
    before = year.times_computed()
    held = launch(platform, *HELD)
    backfill = leave_by_ctrl_c(platform)
    failed = platform.slipway("backfill", "--follow", backfill, timeout=600)
    assert failed.returncode == 1, failed.stdout
    assert "step_3: ValueError: the supplier sent nothing for 2025-03-05" in failed.stdout
    assert f"slipway backfill --resume {backfill}" in failed.stdout

    (year.folder / "poison").unlink()
    year.wait_until(year.held)
    assert "Nothing is missing" in platform.slipway("backfill", *HELD, "--missing").stdout
    with platform.start("backfill", "--cancel", held) as cancelling:
        resumed = platform.slipway("backfill", "--resume", backfill, timeout=600)
        cancelled, _ = cancelling.communicate(timeout=150)
    assert cancelling.returncode == 0, cancelled
    assert "what it had materialized is kept" in cancelled
    year.let_go()
    followed = platform.slipway("backfill", "--follow", held)
    assert followed.returncode == 1
    assert f"--resume {held}" in followed.stdout

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "of the 50 partitions" in resumed.stdout
    expected = {(asset, day) for asset in ASSETS for day in days("2025-03-01", "2025-03-10")}
    again = year.times_computed() - before
    assert {each: again[each] for each in expected} == dict.fromkeys(expected, 1)
    nothing = platform.slipway("backfill", "step_1+", *RANGE, "--missing")
    assert (nothing.returncode, nothing.stdout.strip()) == (0, "Nothing is missing.")
