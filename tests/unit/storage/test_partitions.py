"""Runs over one partition and over many."""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from slipway.storage import PARTITION_BY
from slipway.storage.errors import PartitionsError

from .conftest import partition_range
from .partitioned import DAILY, FRAME, asset, broken_run, load, materializations


def delivered_dict(context: dg.AssetExecutionContext) -> Any:
    return {key: pd.DataFrame({"key": [key]}) for key in context.partition_keys}


def delivered_iterator(context: dg.AssetExecutionContext) -> Any:
    return dg.Output((key, pa.table({"key": [key]})) for key in reversed(context.partition_keys))


def delivered_frame(context: dg.AssetExecutionContext) -> Any:
    return pd.DataFrame({"key": list(context.partition_keys)[::-1]})


@pytest.mark.parametrize("make", [delivered_dict, delivered_iterator, delivered_frame])
def test_a_run_over_a_range_writes_each_partition_with_its_own_metadata(storage, make) -> None:
    source = asset(DAILY, make, metadata={PARTITION_BY: "key"})
    result = storage.materialize(source, tags=partition_range("2026-01-02", "2026-01-04"))
    days = ["2026-01-02", "2026-01-03", "2026-01-04"]
    assert storage.keys() == {f"source/{day}.parquet" for day in days}
    found = materializations(result)
    assert [found[day]["dagster/partition_row_count"] for day in days] == [1, 1, 1]
    assert [day in found[day]["dagster/uri"] and day in found[day]["preview"] for day in days] == [True] * 3
    assert load(storage, source, pd.DataFrame, allow_missing_partitions=True)["key"].tolist() == days


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"2026-01-02": FRAME},
            "2 of the 3 partitions of this run were not delivered: 2026-01-03, 2026-01-04",
        ),
        (iter([("2026-01-03", FRAME)]), "not delivered: 2026-01-02, 2026-01-04"),
        (iter([("2026-01-02", FRAME), ("2026-01-02", FRAME)]), "2026-01-02 was delivered twice"),
        (iter([("2026-01-05", FRAME)]), "'2026-01-05' was delivered and is no partition of this run"),
        ({"2026-01-05": FRAME}, "'2026-01-05' was delivered"),
        (iter([FRAME]), "yielded a DataFrame; it has to yield pairs"),
        (FRAME, "run is of 3 partitions .* and one frame was returned.*slipway/partition_by"),
        (7, "run is of 3 partitions .* and a int was returned"),
    ],
)
def test_what_does_not_fit_the_run_is_an_error_and_nothing_is_claimed(on_disk, value, words) -> None:
    error = broken_run(on_disk, lambda _: value)
    assert re.search(words, str(error)), str(error)


def test_a_dict_with_a_partition_too_many_writes_nothing(on_disk) -> None:
    days = ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"]
    broken_run(on_disk, lambda _: dict.fromkeys(days, FRAME))
    assert on_disk.keys() == set()


def test_a_frame_per_partition_of_an_asset_without_partitions_is_refused(on_disk) -> None:
    @dg.asset
    def source() -> Any:
        return {"2026-01-01": FRAME}

    with pytest.raises(PartitionsError, match=r"asset source: .*no partitions"):
        on_disk.materialize(source)


def test_an_iterator_is_written_as_it_arrives(on_disk) -> None:
    seen: list[set[str]] = []

    def arriving(context: dg.AssetExecutionContext) -> Iterator[tuple[str, pa.Table]]:
        for key in context.partition_keys:
            seen.append(on_disk.keys())
            yield key, pa.table({"a": [1]})

    source = asset(DAILY, lambda context: dg.Output(arriving(context)))
    on_disk.materialize(source, tags=partition_range("2026-01-01", "2026-01-03"))
    assert [len(keys) for keys in seen] == [0, 1, 2]


def test_two_assets_with_one_key_are_noticed(storage) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["b"]))
    def a() -> pd.DataFrame:
        return FRAME

    @dg.asset(key=["a", "b"])
    def other() -> pd.DataFrame:
        return FRAME

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["b"]))
    def sink(a: pd.DataFrame) -> None: ...

    storage.materialize(a, partition_key="b")
    storage.materialize(other)
    with pytest.raises(
        dg.Failure, match=r"asset a, partition b: .*written by asset a/b, whose key is the same"
    ):
        storage.materialize(a, sink, selection=[sink], partition_key="b")
