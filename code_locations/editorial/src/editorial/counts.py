"""How many rows earlier loads and earlier tables had, by publisher, from what their materializations said.

Belongs here: asking Dagster's event log. Does not belong here: what follows from the counts (`defs/checks.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

ROWS_BY = "rows_by_publisher"
"""Key in the metadata of a table's materialization: its rows by publisher."""
_EVENTS = 200


def rows_of_tables(instance: dg.DagsterInstance, asset: dg.AssetKey, tables: int) -> list[Mapping[str, int]]:
    """Return the rows by publisher of the last `tables` materializations, in their order."""
    return [each[ROWS_BY] for each in _said(instance, asset, tables) if ROWS_BY in each][::-1]


def rows_per_file(instance: dg.DagsterInstance, asset: dg.AssetKey, loads: int) -> list[int]:
    """Return how many rows a file had on average in each of the last `loads` loads, in their order.

    Per file: how many files a load takes depends on how many have landed since the one before. A materialization
    without new files is no load, and a file that could not be read has no rows that could be counted.
    """
    found = []
    for each in _said(instance, asset, _EVENTS):
        files = int(each.get("files", 0)) - int(each.get("refused_files", 0))
        if files > 0:
            found.append(round(each["rows"] / files))
    return found[:loads][::-1]


def _said(instance: dg.DagsterInstance, asset: dg.AssetKey, events: int) -> Iterator[dict[str, Any]]:
    """Yield the metadata of the newest materializations, the newest first."""
    for record in instance.fetch_materializations(asset, limit=events).records:
        if record.asset_materialization:
            yield {name: entry.value for name, entry in record.asset_materialization.metadata.items()}
