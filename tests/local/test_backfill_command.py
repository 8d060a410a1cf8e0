"""`slipway backfill` and `slipway catch-up` as far as nothing runs: what they would do, and what they refuse.

What runs takes the daemon a minute and stands in tests/long.
"""

import pytest

from slipway.local.state import StateFolder
from support.platform import Platform


@pytest.mark.parametrize(
    ("arguments", "complaints"),
    [
        (["daily_order", "--all"], ["'daily_order' selects no asset. Near: daily_orders"]),
        (["daily_orders"], ["not said which partitions", "--missing"]),
        (["daily_orders", "--from", "2025-12-31"], ["the first is 2026-01-01", "once its time has ended"]),
        (["daily_orders", "--from", "2026-02-02", "--to", "2026-02-01"], ["--from is after --to"]),
        (["raw_orders", "--from", "2026-02-02"], ["raw_orders has no partitions"]),
        (["--follow", "nosuchid"], ["There is no backfill 'nosuchid'"]),
        (["--resume", "nosuchid"], ["There is no backfill 'nosuchid'"]),
        (["daily_orders", "--all", "--tag", "priority"], ["--tag 'priority' has no value"]),
        ([], ["No asset is named"]),
    ],
)
def test_mistakes_are_named_and_nothing_is_launched(
    platform: Platform, arguments: list[str], complaints: list[str]
) -> None:
    before = newest_backfill(platform)
    done = platform.slipway("backfill", *arguments)
    assert done.returncode == 1, done.stdout
    for complaint in complaints:
        assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert newest_backfill(platform) == before


def newest_backfill(platform: Platform) -> str | None:
    newest = platform.web.ask(
        "{ partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills { results { id } } } }"
    )
    return next((each["id"] for each in newest["partitionBackfillsOrError"]["results"]), None)


def test_a_dry_run_says_which_partitions_and_how_many_runs(platform: Platform) -> None:
    done = platform.make(
        "backfill", "ASSETS=daily_orders+", "FROM=2026-03-01", "TO=2026-03-31", "OPTIONS=--dry-run"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("daily_revenue_partitioned   31", "2026-03-01 to 2026-03-31", "1 run in all."):
        assert line in done.stdout


def test_catch_up_lists_what_is_missing_of_one_location(platform: Platform) -> None:
    done = platform.make("catch-up", "OPTIONS=--dry-run --location orders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing was missed." in done.stdout or "Missing in orders" in done.stdout
    unknown = platform.slipway("catch-up", "--location", "order")
    assert unknown.returncode == 1
    assert "No code location 'order' with partitioned assets is served" in unknown.stderr
    assert "orders" in unknown.stderr


def test_without_a_platform_it_says_how_to_get_one(tmp_path) -> None:
    done = Platform(StateFolder(tmp_path / "none")).slipway("backfill", "daily_orders", "--all")
    assert done.returncode == 1
    assert "Start it with `make up`" in done.stderr
