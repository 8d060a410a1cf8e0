"""Does one place hold what another one does: counts and sums, per partition.

Belongs here: measuring a table and comparing measures. Does not belong here: asking a source for its
measures, which is a query of the location.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from slipway.quality.rows import SHOWN, Labels, named, record

Measures = Mapping[str, Mapping[str, Any]]
"""By part (a partition, or any one name for all), by measure: a count or a sum."""


def measured(table: pa.Table, parts: Labels | str, sums: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return per part the number of rows as `rows`, and each of `sums` (measure to column).

    `parts` is the part of each row, or one name for all rows. Nulls add nothing.
    """
    labels: Any = pa.repeat(parts, table.num_rows) if isinstance(parts, str) else parts
    columns: dict[str, Any] = {f"sum of {measure}": table.column(column) for measure, column in sums.items()}
    grouped = pa.table({"part": labels, **columns}).group_by("part", use_threads=False)
    found = grouped.aggregate([([], "count_all"), *((name, "sum") for name in columns)])
    measures = {"count_all": "rows", **{f"sum of {measure}_sum": measure for measure in sums}}
    rows = found.rename_columns({name: measures.get(name, name) for name in found.column_names}).to_pylist()
    return {str(row.pop("part")): {name: value or 0 for name, value in row.items()} for row in rows}


def reconciled(
    name: str,
    found: Measures,
    expected: Measures,
    *,
    between: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Check that `found - expected = 0`, exactly, for every measure of every part.

    A part or a measure that only one side has is 0 on the other. `between` says what is compared, as in
    "bronze and the source". Metadata: `parts`, `different_parts`, the `totals` of what was found, and the
    first `differences` as a table.
    """
    parts = {*found, *expected}
    differences = _differences(found, expected)
    bad = sorted({str(each["part"]) for each in differences})
    metadata: dict[str, Any] = {"parts": len(parts), "different_parts": len(bad), "totals": _totals(found)}
    if not bad:
        return dg.AssetCheckResult(check_name=name, passed=True, severity=severity, metadata=metadata)
    metadata["differences"] = dg.MetadataValue.table([record(each) for each in differences[:SHOWN]])
    metadata["bad_partitions"] = bad
    first = differences[0]
    said = (
        f"{between} differ in {len(bad)} of {len(parts)} parts: {named(bad)}. The first: {first['part']}, "
        f"{first['measure']} {first['found']} instead of {first['expected']}"
    )
    return dg.AssetCheckResult(
        check_name=name, passed=False, severity=severity, description=said, metadata=metadata
    )


def reconciled_with_source(
    name: str, found: Measures, before: Measures, ask: Callable[[], Measures], *, between: str
) -> dg.AssetCheckResult:
    """Check what was read from a source that others go on writing to.

    `before` is what `ask` said before the reading began. If `found` differs from it, `ask` is asked again: equal to
    that, the rows came while they were read. A difference to a source that has stood still is an ERROR; to one
    that has changed meanwhile a WARN, as nobody can say what ought to have been read.
    """
    first = reconciled(name, found, before, between=between)
    if first.passed:
        return first
    after = ask()
    moved = bool(_differences(before, after))
    severity = dg.AssetCheckSeverity.WARN if moved else dg.AssetCheckSeverity.ERROR
    return reconciled(name, found, after, between=between, severity=severity)


def _differences(found: Measures, expected: Measures) -> list[dict[str, Any]]:
    """Return the measures that differ, by part and name."""
    return [
        {"part": part, "measure": measure, "found": ours, "expected": theirs}
        for part in sorted({*found, *expected})
        for measure in sorted({*found.get(part, {}), *expected.get(part, {})})
        for ours, theirs in [(found.get(part, {}).get(measure, 0), expected.get(part, {}).get(measure, 0))]
        if ours != theirs
    ]


def _totals(found: Measures) -> dict[str, str]:
    totals: dict[str, Any] = {}
    for measures in found.values():
        for measure, value in measures.items():
            if not isinstance(value, str):
                totals[measure] = totals.get(measure, 0) + value
    return {measure: str(value) for measure, value in sorted(totals.items())}
