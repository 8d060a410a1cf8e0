"""Verdicts on the rows of one table: uniqueness, nulls, ranges.

Belongs here: rules that a row keeps or breaks. Does not belong here: the columns of published assets, which
a contract promises (`slipway.contracts`); counts and sums (`reconciliation.py`, `anomaly.py`).
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import dagster as dg
import pyarrow as pa
import pyarrow.compute

SHOWN = 10
"""Bad rows, and partitions with bad rows, that a check shows."""

Labels: TypeAlias = Any
"""A pyarrow Array or ChunkedArray with something of each row: its partition as text, or whether it is good."""

pc: Any = pyarrow.compute  # the stubs know neither keyword options nor what scalars and arrays have in common


def unique(
    name: str,
    table: pa.Table,
    key: Sequence[str],
    *,
    parts: Labels | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Check that no two rows agree in all columns of `key`; nulls agree with nulls.

    bad rows = rows - distinct keys: of rows that agree, all but the first.
    """
    # A row is a repetition if the first row with its key is another one.
    rows = table.select(list(key)).append_column("row", pa.array(range(table.num_rows), pa.int64()))
    firsts = rows.group_by(list(key), use_threads=False).aggregate([("row", "min")])
    bad = pc.invert(pc.is_in(rows.column("row"), value_set=firsts.column("row_min").combine_chunks()))
    return all_rows(
        name, table, pc.invert(bad), f"{' and '.join(key)} unique", key, parts=parts, severity=severity
    )


def not_null(
    name: str,
    table: pa.Table,
    columns: Sequence[str],
    *,
    parts: Labels | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Check that no row has a null in any of `columns`: bad rows = rows with at least one."""
    good: Any = pa.chunked_array([pa.repeat(pa.scalar(value=True), table.num_rows)])
    for column in columns:
        good = pc.and_(good, pc.is_valid(table.column(column)))
    return all_rows(
        name, table, good, f"no null in {', '.join(columns)}", columns, parts=parts, severity=severity
    )


def in_range(  # noqa: PLR0913 - the bounds, and what all checks have
    name: str,
    table: pa.Table,
    column: str,
    *,
    low: Any = None,
    high: Any = None,
    parts: Labels | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Check that `low <= value <= high`; nulls are not judged. A bound that is None is no bound."""
    values = table.column(column)
    good: Any = pa.chunked_array([pa.repeat(pa.scalar(value=True), table.num_rows)])
    if low is not None:
        good = pc.and_(
            good, pc.fill_null(pc.greater_equal(values, pa.scalar(low, values.type)), fill_value=True)
        )
    if high is not None:
        good = pc.and_(
            good, pc.fill_null(pc.less_equal(values, pa.scalar(high, values.type)), fill_value=True)
        )
    rule = " and ".join(
        f"{column} {sign} {bound}" for sign, bound in ((">=", low), ("<=", high)) if bound is not None
    )
    return all_rows(name, table, good, rule, [column], parts=parts, severity=severity)


def all_rows(  # noqa: PLR0913 - the others fill in the rule
    name: str,
    table: pa.Table,
    good: Labels,
    rule: str,
    columns: Sequence[str],
    *,
    parts: Labels | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Check that `good` (a boolean per row; null is bad) holds for all rows; `columns` of the first bad are shown.

    `parts` names the partition of each row, so that the bad ones can be named. Metadata: `rows`,
    `bad_rows`, and where there are any `first` (a table) and `bad_partitions`.
    """
    bad = pc.invert(pc.fill_null(good, fill_value=False))
    count = int(pc.sum(pc.cast(bad, pa.int64()), min_count=0).as_py())
    metadata: dict[str, Any] = {"rows": table.num_rows, "bad_rows": count}
    if not count:
        return dg.AssetCheckResult(check_name=name, passed=True, severity=severity, metadata=metadata)
    first = table.select(list(columns)).filter(bad).slice(0, SHOWN).to_pylist()
    metadata["first"] = dg.MetadataValue.table([record(row) for row in first])
    where = ""
    if parts is not None:
        found = sorted(str(each) for each in pc.unique(parts.filter(bad)).to_pylist())
        metadata["bad_partitions"] = found
        where = f", in {named(found)}"
    said = f"{count} of {table.num_rows} rows break the rule: {rule}{where}"
    return dg.AssetCheckResult(
        check_name=name, passed=False, severity=severity, description=said, metadata=metadata
    )


def record(row: dict[str, Any]) -> dg.TableRecord:
    """Return the row as Dagster's tables take it: what is no plain number becomes text."""
    return dg.TableRecord(
        {
            name: value if isinstance(value, int | float) else "" if value is None else str(value)
            for name, value in row.items()
        }
    )


def named(names: Sequence[str]) -> str:
    """Return the first SHOWN of `names` for a message."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
