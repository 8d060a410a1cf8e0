"""How a platform's places are shared out (docs/limits.md has the table)."""

import pytest

from slipway.limits import BULK, LANE_TAG, PRIORITY_TAG, SCHEDULED, run_queue


@pytest.mark.parametrize(
    ("places", "backfills", "lane"),
    [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 2, 2), (5, 3, 2), (10, 6, 5), (100, 66, 50)],
)
def test_backfills_get_two_thirds_of_the_places_and_a_lane_half(
    places: int, backfills: int, lane: int
) -> None:
    assert run_queue(places) == {
        "max_concurrent_runs": places,
        "tag_concurrency_limits": [
            {"key": "dagster/backfill", "limit": backfills},
            {"key": LANE_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": lane},
        ],
    }


def test_what_a_schedule_starts_goes_before_everything_and_bulk_after() -> None:
    assert int(SCHEDULED[PRIORITY_TAG]) > 0 > int(BULK[PRIORITY_TAG])
