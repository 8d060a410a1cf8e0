"""Consumers of many partitions: order, missing ones, columns that changed."""

from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from slipway.storage import ParquetIOManager
from slipway.storage.errors import MissingObjectError, SchemaMismatchError

from .conftest import Storage, partition_range
from .partitioned import DAILY, FRAME, KEYS, asset, load, written_days


@pytest.mark.parametrize("kind", list(KEYS))
def test_a_consumer_of_all_partitions_gets_one_frame_in_their_order(storage, kind) -> None:
    definition, keys = KEYS[kind]
    source = asset(definition, lambda context: pd.DataFrame({"key": [context.partition_key] * 2}))
    for key in reversed(keys):
        storage.materialize(source, partition_key=key)
    for annotation in (pd.DataFrame, pa.Table, pa.RecordBatchReader, Any):
        loaded = load(storage, source, annotation)
        rows = (
            loaded["key"].tolist() if isinstance(loaded, pd.DataFrame) else loaded.column("key").to_pylist()
        )
        assert rows == [str(key) for key in keys for _ in range(2)]
        if isinstance(loaded, pd.DataFrame):
            assert list(loaded.index) == list(range(2 * len(keys)))


@pytest.mark.parametrize("annotation", [dict[str, pd.DataFrame], dict[str, pa.Table]])
def test_a_consumer_can_have_a_frame_per_partition(storage, annotation) -> None:
    source = asset(DAILY, lambda context: pd.DataFrame({"key": [context.partition_key]}))
    for key in DAILY.get_partition_keys():
        storage.materialize(source, partition_key=key)
    loaded = load(storage, source, annotation)
    assert list(loaded) == DAILY.get_partition_keys()
    assert {
        key: frame["key"].iloc[0] if isinstance(frame, pd.DataFrame) else frame["key"][0].as_py()
        for key, frame in loaded.items()
    } == {key: key for key in loaded}


def test_one_partition_asked_for_as_a_dict_is_a_dict_of_one(on_disk) -> None:
    source = asset(DAILY, lambda _: pd.DataFrame({"a": [1]}))
    got = {}

    @dg.asset(partitions_def=DAILY)
    def sink(source: dict[str, pd.DataFrame]) -> None:
        got.update(source)

    on_disk.materialize(source, sink, partition_key="2026-01-02")
    assert list(got) == ["2026-01-02"]


def test_plain_values_of_many_partitions_come_by_partition(on_disk) -> None:
    source = asset(DAILY, lambda _: {key: number for number, key in enumerate(DAILY.get_partition_keys())})
    on_disk.materialize(source, tags=partition_range("2026-01-01", "2026-01-05"))
    assert load(on_disk, source, dict[str, int]) == dict(
        zip(DAILY.get_partition_keys(), range(5), strict=True)
    )


def test_missing_partitions_are_named_together_with_the_command(storage) -> None:
    source = written_days(storage, {"2026-01-02": FRAME})
    with pytest.raises(MissingObjectError) as raised:
        load(storage, source, pd.DataFrame)
    message = str(raised.value)
    assert "4 of the 5 partitions" in message
    assert "2026-01-01, 2026-01-03, 2026-01-04, 2026-01-05" in message
    assert "dg launch --assets source --partition-range 2026-01-01...2026-01-05" in message


@pytest.mark.parametrize("annotation", [pd.DataFrame, pa.Table, pa.RecordBatchReader])
def test_missing_partitions_can_be_left_out(storage, annotation) -> None:
    source = written_days(storage, {"2026-01-02": FRAME, "2026-01-04": FRAME})
    assert len(pa.table(load(storage, source, pa.Table, allow_missing_partitions=True))) == 2
    nothing = asset(DAILY, lambda _: FRAME)
    storage.manager = ParquetIOManager(base_url=storage.manager.base_url + "/none")
    loaded = load(storage, nothing, annotation, allow_missing_partitions=True)
    assert (len(loaded), len(loaded.columns)) == (0, 0)


def concatenated(storage: Storage, *columns: Any) -> Any:
    days = DAILY.get_partition_keys()[: len(columns)]
    tables = {
        day: pa.table({"a": column} if column is not None else {"b": [1]})
        for day, column in zip(days, columns, strict=True)
    }
    return load(storage, written_days(storage, tables), pa.Table, allow_missing_partitions=True).column("a")


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (pa.nulls(1), pa.array(["x"]), pa.string()),
        (pa.array([1], pa.int8()), pa.array([1], pa.int64()), pa.int64()),
        (pa.array([1]), pa.array([1.5]), pa.float64()),
        (pa.array([1], pa.timestamp("s")), pa.array([1], pa.timestamp("ns")), pa.timestamp("ns")),
        (pa.array(["x"]), pa.array(["y"]).dictionary_encode(), pa.string()),
        (pa.array([1]), None, pa.int64()),
    ],
)
def test_types_that_go_together_are_joined(on_disk, first, second, kind) -> None:
    joined = concatenated(on_disk, first, second)
    assert joined.type == kind
    assert joined.null_count == sum(column is None or column.null_count for column in (first, second))


@pytest.mark.parametrize("annotation", [pd.DataFrame, pa.Table, pa.RecordBatchReader])
def test_types_that_do_not_are_an_error_that_names_them(storage, annotation) -> None:
    frames = {"2026-01-01": pa.table({"a": [1]}), "2026-01-02": pa.table({"a": ["x"]})}
    source = written_days(storage, frames)
    with pytest.raises(SchemaMismatchError) as raised:
        load(storage, source, annotation, allow_missing_partitions=True)
    message = str(raised.value)
    for word in (
        "asset source",
        "'a'",
        "string in partition 2026-01-02",
        "int64 in partition 2026-01-01",
        "dg launch",
    ):
        assert word in message


def test_an_integer_that_a_float_cannot_hold_is_refused(on_disk) -> None:
    with pytest.raises(SchemaMismatchError, match=r"partition 2026-01-01: column 'a'.*does not fit"):
        concatenated(on_disk, pa.array([2**53 + 1]), pa.array([0.5]))


def test_pandas_types_of_partitions_that_differ_are_joined(on_disk) -> None:
    frames = {
        "2026-01-01": pd.DataFrame({"a": pd.array([1, None], "Int64"), "c": pd.Categorical(["x", "y"])}),
        "2026-01-02": pd.DataFrame({"a": [0.5, 1.0], "c": pd.Categorical(["z", "x"])}),
    }
    loaded = load(on_disk, written_days(on_disk, frames), pd.DataFrame, allow_missing_partitions=True)
    assert loaded["a"].dropna().tolist() == [1.0, 0.5, 1.0]
    assert loaded["c"].tolist() == ["x", "y", "z", "x"]
