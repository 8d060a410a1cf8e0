"""Partitions of every kind, runs over one and over many, and consumers of many."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from slipway.storage import PARTITION_BY, ParquetIOManager
from slipway.storage.errors import MissingObjectError, PartitionsError, SchemaMismatchError
from slipway.storage.partition_split import split

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


def broken_run(storage: Storage, make: Any, **options: Any) -> dg.Failure:
    source = asset(DAILY, make, **options)
    instance = dg.DagsterInstance.ephemeral()
    with pytest.raises(PartitionsError) as raised:
        storage.materialize(source, tags=partition_range("2026-01-02", "2026-01-04"), instance=instance)
    assert not instance.get_materialized_partitions(dg.AssetKey("source"))
    assert raised.value.allow_retries is False
    return raised.value


FRAME = pd.DataFrame({"a": [1]})


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


def split_run(
    storage: Storage, definition: dg.PartitionsDefinition, frame: Any, first: str, last: str
) -> Any:
    source = asset(definition, lambda _: frame, metadata={PARTITION_BY: "on"})
    storage.materialize(source, tags=partition_range(first, last))
    return load(storage, source, dict[str, pa.Table], allow_missing_partitions=True)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([dt.date(2026, 1, 3), dt.date(2026, 1, 1), dt.date(2026, 1, 3)]),
        pa.array(["2026-01-03", "2026-01-01", "2026-01-03"]),
        pa.array(["2026-01-03", "2026-01-01", "2026-01-03"]).dictionary_encode(),
        pa.array(
            [pd.Timestamp("2026-01-03 23:59:59"), pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-03")]
        ),
        pa.array(
            [pd.Timestamp("2026-01-03 23:59:59"), pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-03")],
            pa.timestamp("ns", "UTC"),
        ),
    ],
    ids=["date", "string", "category", "naive", "zone"],
)
@pytest.mark.parametrize("pandas", [True, False])
def test_a_frame_is_divided_by_a_column(on_disk, column, pandas) -> None:
    table = pa.table({"on": column, "n": [0, 1, 2], "none": pa.nulls(3, pa.string())})
    frame = table.to_pandas() if pandas else table
    parts = split_run(on_disk, DAILY, frame, "2026-01-01", "2026-01-03")
    assert {key: part["n"].to_pylist() for key, part in parts.items()} == {
        "2026-01-01": [1],
        "2026-01-02": [],
        "2026-01-03": [0, 2],
    }
    assert len({str(part.schema.remove_metadata()) for part in parts.values()}) == 1


def test_rows_are_divided_in_the_zone_of_the_partitions(on_disk) -> None:
    berlin = dg.DailyPartitionsDefinition("2026-03-28", timezone="Europe/Berlin", end_date="2026-03-31")
    # 2026-03-29 has 23 hours there. 22:30 UTC on the 28th is 23:30 in Berlin, 23:30 UTC is the next day.
    instants = pd.to_datetime(
        ["2026-03-28 22:30", "2026-03-28 23:30", "2026-03-29 21:59", "2026-03-29 22:00"], utc=True
    )
    frame = pd.DataFrame({"on": instants, "n": range(4)})
    parts = split_run(on_disk, berlin, frame, "2026-03-28", "2026-03-30")
    assert [part["n"].to_pylist() for part in parts.values()] == [[0], [1, 2], [3]]
    naive = frame.assign(on=frame["on"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None))
    parts = split_run(on_disk, berlin, naive, "2026-03-28", "2026-03-30")
    assert [part["n"].to_pylist() for part in parts.values()] == [[0], [1, 2], [3]]


def test_months_and_static_partitions_and_dimensions(on_disk) -> None:
    days = pd.DataFrame(
        {
            "on": pd.to_datetime(["2025-11-30 23:00", "2026-01-01", "2025-11-01"], format="mixed"),
            "n": range(3),
        }
    )
    parts = split_run(on_disk, MONTHLY, days, "2025-11-01", "2026-01-01")
    assert [part["n"].to_pylist() for part in parts.values()] == [[0, 2], [], [1]]
    zones = pd.DataFrame({"on": ["..", "de", "c/h"], "n": range(3)})
    parts = split_run(on_disk, STATIC, zones, "de", "b c")
    assert {key: part["n"].to_pylist() for key, part in parts.items()} == {
        "de": [1],
        "at": [],
        "c/h": [2],
        "..": [0],
        "b c": [],
    }


def test_multi_partitions_are_divided_by_a_column_per_dimension() -> None:
    frame = pd.DataFrame(
        {"d": ["2026-01-02", "2026-01-01", "2026-01-02"], "z": ["a", "b", "a"], "n": range(3)}
    )
    keys = MULTI.get_partition_keys()[:4]
    parts = dict(split(frame, {"day": "d", "zone": "z"}, MULTI, keys, "asset x"))
    assert {str(key): part["n"].tolist() for key, part in parts.items()} == {
        "2026-01-01|b": [1],
        "2026-01-01|a": [],
        "2026-01-02|b": [],
        "2026-01-02|a": [0, 2],
    }
    with pytest.raises(PartitionsError, match="partitioned by day and zone"):
        list(split(frame, "d", MULTI, keys, "asset x"))
    with pytest.raises(PartitionsError, match=r"2 rows belong to no partition.*'2026-01-02\|a'"):
        list(split(frame, {"day": "d", "zone": "z"}, MULTI, keys[:3], "asset x"))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["2026-01-02", "2026-01-09", None], r"2 rows belong to no partition.* '2026-01-09', None"),
        (pd.to_datetime(["2026-01-02", "2026-01-05", "2026-01-01"]), "2 rows .*2026-01-05T00:00"),
        ([1.5, 2.5, 3.5], "type double can't name partitions"),
    ],
)
def test_rows_outside_the_run_are_named_and_nothing_is_written(on_disk, column, words) -> None:
    error = broken_run(on_disk, lambda _: pd.DataFrame({"on": column}), metadata={PARTITION_BY: "on"})
    assert re.search(words, str(error)), str(error)
    assert on_disk.keys() == set()


def test_the_column_is_checked_in_a_run_of_one_partition_too(on_disk) -> None:
    source = asset(DAILY, lambda _: pd.DataFrame({"on": ["2026-01-03"]}), metadata={PARTITION_BY: "on"})
    with pytest.raises(PartitionsError, match="which is of 2026-01-02"):
        on_disk.materialize(source, partition_key="2026-01-02")
    nameless = asset(DAILY, lambda _: pd.DataFrame({"a": [1]}), metadata={PARTITION_BY: "on"})
    with pytest.raises(PartitionsError, match="names the column 'on'; the frame has a"):
        on_disk.materialize(nameless, partition_key="2026-01-02")


def written_days(storage: Storage, frames: dict[str, Any]) -> dg.AssetsDefinition:
    source = asset(DAILY, lambda context: frames[context.partition_key])
    for day in frames:
        storage.materialize(source, partition_key=day)
    return source


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
