"""Builders of asset check results, for what a contract of columns can't say.

Each takes plain values (Arrow tables, counts) and returns a `dagster.AssetCheckResult`, for an asset's own
`check_specs` or for an `@asset_check`. Inline in the asset (`dg.MaterializeResult(value=..., check_results=...)`)
a check costs no step and sees what the run made, over one partition or over three hundred; an `@asset_check` of a
partitioned asset would load all partitions. What is bad is counted, the first of it is shown, and the
partitions that it is in are named.
"""

from slipway.quality.anomaly import Allowance, newest_count_anomaly, row_count_anomaly
from slipway.quality.counts import recorded_row_counts
from slipway.quality.reconciliation import Measures, measured, reconciled, reconciled_with_source
from slipway.quality.rows import all_rows, in_range, not_null, unique

__all__ = [
    "Allowance",
    "Measures",
    "all_rows",
    "in_range",
    "measured",
    "newest_count_anomaly",
    "not_null",
    "reconciled",
    "reconciled_with_source",
    "recorded_row_counts",
    "row_count_anomaly",
    "unique",
]
