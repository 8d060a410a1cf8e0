"""Verdicts on the feed as raw_orders stored it, in bounded memory.

Belongs here: what is counted while the feed passes by. Does not belong here: reading it (`checks.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from slipway.quality import Measures, reconciled_with_source

COLUMNS = ["row_id", "order_id", "ordered_at", "received_at"]
SOURCE_MEASURES = "source_measures"
"""Metadata of raw_orders: what the source had when the reading began."""

CHECKS = {
    "matches_source": ("The source's number of rows, and the ids of the rows add up to the same.", True),
    "row_ids_unique": ("row_id rises from row to row, so none is there twice.", True),
    "keys_present": ("No row is without row_id, order_id, ordered_at or received_at.", True),
    "times_in_order": ("No order was received before it was placed.", False),
    "not_shrunk": ("The feed has no fewer rows than the last time: it only grows.", False),
}
"""Name, description, and whether it blocks what is downstream."""

_ROWS = "dagster/row_count"
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


class Seen:
    """What is known of the batches so far."""

    def __init__(self) -> None:
        self.rows = self.row_ids = self.not_rising = self.early = 0
        self.nulls = dict.fromkeys(COLUMNS, 0)
        self._last: int | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of `batch`, which has COLUMNS."""
        for name in COLUMNS:
            self.nulls[name] += batch.column(name).null_count
        ids = pc.drop_null(batch.column("row_id"))
        self.rows += batch.num_rows
        self.row_ids += pc.sum(ids, min_count=0).as_py()
        known = pa.concat_arrays([pa.array([] if self._last is None else [self._last], pa.int64()), ids])
        self.not_rising += _count(pc.less_equal(known.slice(1), known.slice(0, max(len(known) - 1, 0))))
        self._last = known[-1].as_py() if len(known) else None
        self.early += _count(pc.less(batch.column("received_at"), batch.column("ordered_at")))

    def verdicts(self, before: Measures, ask: Callable[[], Measures]) -> Iterator[dg.AssetCheckResult]:
        """Yield the result of each of CHECKS but `not_shrunk`; `before` and `ask` are the source's measures."""
        found = {"all": {"rows": self.rows, "row_ids": self.row_ids}}
        between = "raw_orders and table orders"
        yield reconciled_with_source("matches_source", found, before, ask, between=between)
        yield _verdict("row_ids_unique", ERROR, self.rows, self.not_rising, "row_id does not rise")
        missing = [name for name, count in self.nulls.items() if count]
        worst = max(self.nulls.values())
        yield _verdict("keys_present", ERROR, self.rows, worst, f"there is a null in {', '.join(missing)}")
        yield _verdict("times_in_order", WARN, self.rows, self.early, "received_at < ordered_at")


def recorded_measures(newest: dg.EventLogRecord) -> Measures:
    """Return what the source had when this materialization of raw_orders began to read."""
    measures: Any = _metadata(newest).get(SOURCE_MEASURES)
    return measures.value if measures else {}


def not_shrunk(newest: dg.EventLogRecord, earlier: Sequence[dg.EventLogRecord]) -> dg.AssetCheckResult:
    """Return whether the newest materialization has no fewer rows than the one before it, if there is one."""
    rows, before = (
        int(_metadata(each)[_ROWS].value) if each and _ROWS in _metadata(each) else 0
        for each in (newest, next(iter(earlier), None))
    )
    return dg.AssetCheckResult(
        check_name="not_shrunk",
        passed=rows >= before,
        severity=WARN,
        description=None if rows >= before else f"{rows} rows, {before - rows} fewer than the last time",
        metadata={"rows": rows, "before": before},
    )


def _verdict(
    name: str, severity: dg.AssetCheckSeverity, rows: int, bad: int, rule: str
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not bad,
        severity=severity,
        description=f"{bad} of {rows} rows: {rule}" if bad else None,
        metadata={"rows": rows, "bad_rows": bad},
    )


def _metadata(found: dg.EventLogRecord) -> Any:
    return found.asset_materialization.metadata if found.asset_materialization else {}


def _count(mask: Any) -> int:
    return int(pc.sum(pc.cast(mask, pa.int64()), min_count=0).as_py())
