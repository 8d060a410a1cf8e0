"""The verdict on the days of `landed_orders` that are over, as a step of its own.

Not in the runs that take files: while a day's files come, its rows are fewer than usual, and ten thousand runs would each
ask for a fortnight of counts. Does not belong here: verdicts on a file (`assets.py`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from orders.defs.arrivals.assets import KEY
from orders.defs.order_system.verdicts import ALLOWANCE
from slipway.quality import recorded_row_counts, row_count_anomaly


@dg.asset_check(asset=KEY, name="row_count_anomaly")
def landed_row_count_anomaly(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The days of the run have as many landed rows as the 14 days before each (median and MAD).

    Part of `daily_pipeline`, which runs when the day is over; without a partition it is about yesterday. A day without
    any row after a fortnight with rows is an error, and is told. It blocks nothing: nothing is made of the files yet.
    """
    days = _days(context.run.tags)
    first = days[0] - timedelta(days=ALLOWANCE.days)
    asked = [first + timedelta(days=number) for number in range((days[-1] - first).days + 1)]
    found = recorded_row_counts(context.instance, KEY, [day.isoformat() for day in asked])
    counts = {date.fromisoformat(key): rows for key, rows in found.items()}
    judged = {day: counts.pop(day, 0) for day in days}
    return row_count_anomaly("row_count_anomaly", judged, counts, ALLOWANCE)


def _days(tags: Mapping[str, str]) -> list[date]:
    """Return the days of a run by its tags, in order, without today: its files are still coming."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    one = tags.get("dagster/partition", yesterday.isoformat())
    last = min(date.fromisoformat(tags.get("dagster/asset_partition_range_end", one)), yesterday)
    first = min(date.fromisoformat(tags.get("dagster/asset_partition_range_start", one)), last)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
