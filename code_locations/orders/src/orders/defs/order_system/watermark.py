"""Which days of bronze the next run of silver has to read.

Belongs here: what the last run left behind, and what follows from it. Does not belong here: the merge
(`merging.py`), reading.

Where the watermark stands is said by the stored table itself: the newest received_at in it. A table that was
lost or restored from a backup says the truth about itself; a number in Dagster's database would go on
claiming rows that are no longer there. What the table can't say, which of the older days were
materialized again since it was made, is in Dagster's event log: each of silver's materializations records the last
event of bronze that it had seen (`merged_until`), and the fingerprint of the table that it made, by
which a restored table is led back to its own materialization.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from orders import rates
from orders.defs.order_system import cleaning
from orders.defs.order_system.columns import CLEANED
from orders.defs.order_system.merging import fingerprint, watermark
from orders.partitions import daily
from orders.schema import arrow_schema

REMEMBERED = 20
"""Silver's own materializations that are searched for the one that made the stored table."""

_CLEANING, _FINGERPRINT, _UNTIL = "cleaning", "fingerprint", "merged_until"


@dataclass(frozen=True)
class Plan:
    """What to read: `days` of bronze, of which `beyond` lie before the window; or all, and why (`rebuild`)."""

    days: Sequence[str]
    beyond: Sequence[str] = ()
    rebuild: str | None = None


def plan(
    instance: dg.DagsterInstance,
    silver: dg.AssetKey,
    bronze: dg.AssetKey,
    stored: pa.Table,
    window: timedelta,
) -> Plan:
    """Return the days to merge into `stored`, or all days where that would not give what a rebuild does.

    Merged are the days that bronze has from the watermark's day minus `window` on, and every older
    day that was materialized since the stored table was made. All days are read when there is no table,
    when none of silver's last materializations made it (its event log is another one, or the object was
    exchanged), and when the code that cleans has changed, which concerns every row.
    """
    everything = daily.get_partition_keys()
    if not stored.num_columns:
        return Plan(everything, rebuild="there is no table yet")
    if not stored.schema.equals(arrow_schema(CLEANED)):
        return Plan(everything, rebuild="the stored table has other columns than today's")
    newest = watermark(stored)
    if newest is None:
        return Plan(everything, rebuild="the stored table has no orders")
    until = _merged_until(instance, silver, fingerprint(stored))
    if until is None:
        return Plan(
            everything, rebuild="no materialization is known that made the stored table with today's cleaning"
        )
    start = (newest - window).astimezone(UTC).strftime("%Y-%m-%d")
    there = instance.get_materialized_partitions(bronze)
    changed = instance.get_materialized_partitions(bronze, after_cursor=until)
    beyond = sorted(day for day in changed if day < start)
    return Plan([*beyond, *sorted(day for day in there if day >= start)], beyond)


def last_event(instance: dg.DagsterInstance, bronze: dg.AssetKey) -> int:
    """Return the id of bronze's last materialization, 0 without any. To be asked for before bronze is read."""
    found = instance.fetch_materializations(bronze, limit=1).records
    return found[0].storage_id if found else 0


def record(table: pa.Table, until: int) -> Mapping[str, Any]:
    """Return the metadata by which the next run finds out where this one stopped."""
    newest = watermark(table)
    return {
        "watermark": None if newest is None else newest.isoformat(),
        _UNTIL: until,
        _FINGERPRINT: fingerprint(table),
        _CLEANING: _cleaning_version(),
    }


def _merged_until(instance: dg.DagsterInstance, silver: dg.AssetKey, print_: str) -> int | None:
    for found in instance.fetch_materializations(silver, limit=REMEMBERED).records:
        said = found.asset_materialization.metadata if found.asset_materialization else {}
        values = {name: said[name].value for name in (_FINGERPRINT, _CLEANING, _UNTIL) if name in said}
        if values.get(_FINGERPRINT) == print_ and values.get(_CLEANING) == _cleaning_version():
            return int(values[_UNTIL])
    return None


def _cleaning_version() -> str:
    """Return a digest of the code and the rates that clean a row."""
    sources = [Path(module.__file__ or "").read_bytes() for module in (cleaning, rates)]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]
