"""How many rows earlier partitions had, from what their materializations said: no object is read.

Belongs here: asking Dagster's event log. Does not belong here: what follows from the counts.
"""

from collections.abc import Sequence

import dagster as dg

_PAGE = 200
_ROWS = "dagster/partition_row_count"


def recorded_row_counts(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Sequence[str]
) -> dict[str, int]:
    """Return the rows that the newest materialization of each partition wrote; others are left out.

    The event log says first which event is the newest of each partition, and then these are read, and no others: a
    day may have one for each of ten thousand files.
    """
    if not partitions:
        return {}
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    newest = sorted(instance.get_latest_storage_id_by_partition(asset, kind, set(partitions)).values())
    found: dict[str, int] = {}
    for start in range(0, len(newest), _PAGE):
        wanted = dg.AssetRecordsFilter(asset_key=asset, storage_ids=newest[start : start + _PAGE])
        for each in instance.fetch_materializations(wanted, limit=_PAGE).records:
            materialization, partition = each.asset_materialization, each.partition_key
            if materialization and partition and _ROWS in materialization.metadata:
                found[partition] = int(str(materialization.metadata[_ROWS].value))
    return found
