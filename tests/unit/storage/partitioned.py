"""An asset of any partitions, and a consumer of all of them."""

from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from slipway.storage.errors import PartitionsError

from .conftest import Storage, partition_range

DAILY = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-06")
MONTHLY = dg.MonthlyPartitionsDefinition("2025-11-01", end_date="2026-02-01")
STATIC = dg.StaticPartitionsDefinition(["de", "at", "c/h", "..", "b c"])
MULTI = dg.MultiPartitionsDefinition({"zone": dg.StaticPartitionsDefinition(["b", "a"]), "day": DAILY})
KEYS = {
    "daily": (DAILY, DAILY.get_partition_keys()),
    "monthly": (MONTHLY, MONTHLY.get_partition_keys()),
    "static": (STATIC, STATIC.get_partition_keys()),
    "multi": (MULTI, MULTI.get_partition_keys()),
}

FRAME = pd.DataFrame({"a": [1]})


def asset(definition: dg.PartitionsDefinition, make: Any, **options: Any) -> dg.AssetsDefinition:
    """Return the asset `source` that returns `make(context)`."""

    @dg.asset(
        name="source", partitions_def=definition, backfill_policy=dg.BackfillPolicy.single_run(), **options
    )
    def source(context: dg.AssetExecutionContext):
        return make(context)

    return source


def load(storage: Storage, source: Any, annotation: Any, **metadata: Any) -> Any:
    """Return what an unpartitioned consumer of all partitions is given."""
    got: list[Any] = []

    def consumer(source: Any) -> None:
        got.append(source.read_all() if isinstance(source, pa.RecordBatchReader) else source)

    consumer.__annotations__["source"] = annotation
    sink = dg.asset(ins={"source": dg.AssetIn(metadata=metadata)})(consumer)
    storage.materialize(source, sink, selection=[sink])
    return got[0]


def materializations(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    return {
        event.partition: {key: value.value for key, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    }


def broken_run(storage: Storage, make: Any, **options: Any) -> dg.Failure:
    source = asset(DAILY, make, **options)
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(PartitionsError) as raised:
            storage.materialize(source, tags=partition_range("2026-01-02", "2026-01-04"), instance=instance)
        assert not instance.get_materialized_partitions(dg.AssetKey("source"))
    assert raised.value.allow_retries is False
    return raised.value


def written_days(storage: Storage, frames: dict[str, Any]) -> dg.AssetsDefinition:
    source = asset(DAILY, lambda context: frames[context.partition_key])
    for day in frames:
        storage.materialize(source, partition_key=day)
    return source
