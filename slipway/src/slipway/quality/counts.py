"""How many rows earlier partitions had, from what their materializations said: no object is read.

Belongs here: asking Dagster's event log. Does not belong here: what follows from the counts.
"""

from collections.abc import Sequence

import dagster as dg

_PAGE = 200
_PAGES = 10
_ROWS = "dagster/partition_row_count"


def recorded_row_counts(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Sequence[str]
) -> dict[str, int]:
    """Return the rows that the newest materialization of each partition wrote; others are left out.

    Reads the events of these partitions, newest first, until each has been seen: one question for a
    fortnight of days that were materialized a few times each, and ten at most.
    """
    found: dict[str, int] = {}
    missing, cursor = set(partitions), None
    for _ in range(_PAGES if missing else 0):
        wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=sorted(missing))
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
        for each in page.records:
            materialization, partition = each.asset_materialization, each.partition_key
            if materialization is None or partition not in missing:
                continue
            missing.discard(partition)
            if _ROWS in materialization.metadata:
                found[partition] = int(str(materialization.metadata[_ROWS].value))
        if not missing or not page.has_more:
            break
        cursor = page.cursor
    return found
