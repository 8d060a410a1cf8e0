"""How the location's assets are divided by time.

Belongs here: partitions definitions, which must be the same object for every asset that shares them.
Does not belong here: which asset uses which.
"""

from datetime import UTC, datetime, time

import dagster as dg

from orders.schema import FIRST_DAY

daily = dg.DailyPartitionsDefinition(start_date=datetime.combine(FIRST_DAY, time(), UTC), timezone="UTC")
"""One partition per UTC day, from FIRST_DAY; a day exists once it has ended."""

daily_and_today = dg.DailyPartitionsDefinition(
    start_date=datetime.combine(FIRST_DAY, time(), UTC), timezone="UTC", end_offset=1
)
"""The same days and today's: for what is added to as it comes, not made of a day that has ended."""

one_run = dg.BackfillPolicy.single_run()
"""A run over many days is one run, for a run's start costs more than a day's work. Assets without partitions
have it too: `dg launch --partition-range` refuses a job of which any asset has not."""
