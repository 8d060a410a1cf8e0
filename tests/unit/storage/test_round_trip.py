"""What was stored comes back, type by type."""

import datetime as dt
from decimal import Decimal
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from slipway.storage.frames import to_pandas

ROWS = 12


def store_and_load(storage: Any, value: Any, annotation: Any, columns: list[str] | None = None) -> Any:
    """Hand `value` to the manager as the asset `source`, and load it as an input with `annotation`."""
    key = dg.AssetKey("source")
    storage.manager.handle_output(dg.build_output_context(asset_key=key), value)
    kind = dg.DagsterType(lambda _, __: True, "Wanted", typing_type=annotation)
    metadata = {} if columns is None else {"columns": columns}
    with dg.build_input_context(asset_key=key, dagster_type=kind, definition_metadata=metadata) as context:
        loaded = storage.manager.load_input(context)
        return loaded.read_all() if isinstance(loaded, pa.RecordBatchReader) else loaded


ARROW = {
    "int8": pa.array(range(ROWS), pa.int8()),
    "uint64": pa.array([None, 2**64 - 1] + [0] * (ROWS - 2), pa.uint64()),
    "float32": pa.array([1.5, None, float("nan"), float("inf")] + [0.0] * (ROWS - 4), pa.float32()),
    "bool": pa.array([True, None, False] * (ROWS // 3)),
    "decimal": pa.array([Decimal("1.20"), None] * (ROWS // 2), pa.decimal128(12, 2)),
    "string": pa.array(["", None, "é|\n"] * (ROWS // 3)),
    "large_string": pa.array(["a"] * ROWS, pa.large_string()),
    "binary": pa.array([b"\x00", None] * (ROWS // 2)),
    "date": pa.array([dt.date(1900, 1, 1), None] * (ROWS // 2)),
    "time": pa.array([dt.time(23, 59, 59, 999999), None] * (ROWS // 2), pa.time64("us")),
    "timestamp_s": pa.array([1_767_225_600_000, None] * (ROWS // 2), pa.timestamp("ms")),
    "timestamp_ns": pa.array([2**62, None] * (ROWS // 2), pa.timestamp("ns")),
    "timestamp_zone": pa.array([0, 1] * (ROWS // 2), pa.timestamp("us", "Europe/Berlin")),
    "duration": pa.array([1, None] * (ROWS // 2), pa.duration("us")),
    "category": pa.array(["x", None, "y"] * (ROWS // 3)).dictionary_encode(),
    "list": pa.array([[1, None], [], None] * (ROWS // 3), pa.list_(pa.int64())),
    "struct": pa.array([{"a": 1, "b": ["x"]}, None] * (ROWS // 2)),
    "map": pa.array([[("k", 1)], []] * (ROWS // 2), pa.map_(pa.string(), pa.int64())),
    "null": pa.nulls(ROWS),
    "dotted.name": pa.array(range(ROWS)),
    "ünï code": pa.array(range(ROWS)),
}


@pytest.mark.parametrize("annotation", [pa.Table, pa.RecordBatchReader])
@pytest.mark.parametrize("row_group_rows", [5, 1000])
def test_arrow_comes_back_as_it_was(on_disk, annotation, row_group_rows) -> None:
    table = pa.table(ARROW).replace_schema_metadata({"own": "kept"})
    loaded = store_and_load(on_disk.with_settings(row_group_rows=row_group_rows), table, annotation)
    loaded.validate(full=True)
    for name in table.schema.names:
        if name != "category":
            assert loaded.schema.field(name) == table.schema.field(name)
        assert (
            loaded.column(name).to_pylist() == pytest.approx(table.column(name).to_pylist(), nan_ok=True)
            if name == "float32"
            else loaded.column(name).to_pylist() == table.column(name).to_pylist()
        )
    assert loaded.schema.metadata[b"own"] == b"kept"
    assert not [key for key in loaded.schema.metadata if key.startswith(b"slipway")]


@pytest.mark.parametrize("name", list(ARROW))
def test_any_one_column_can_be_asked_for(on_disk, name) -> None:
    table = pa.table(ARROW)
    loaded = store_and_load(on_disk.with_settings(row_group_rows=5), table, pa.Table, columns=[name])
    assert loaded.schema.names == [name]
    assert str(loaded.column(name).to_pylist()) == str(table.column(name).to_pylist())


def pandas_frame() -> pd.DataFrame:
    half = [None] * (ROWS // 2)
    return pd.DataFrame(
        {
            "int": range(ROWS),
            "int16": pd.array(range(ROWS), "int16"),
            "Int64": pd.array([1, None] * (ROWS // 2), "Int64"),
            "boolean": pd.array([True, None] * (ROWS // 2), "boolean"),
            "float": [1.5, float("nan")] * (ROWS // 2),
            "str": ["é", None] * (ROWS // 2),
            "late_str": [*half, *["x"] * (ROWS // 2)],
            "late_object": pd.Series([*half, *[Decimal("1.50")] * (ROWS // 2)], dtype="object"),
            "naive": pd.date_range("2026-01-01", periods=ROWS, freq="h"),
            "ns": pd.date_range("2026-01-01", periods=ROWS, freq="h").astype("datetime64[ns]"),
            "zone": pd.date_range("2026-03-29", periods=ROWS, freq="h", tz="Europe/Berlin"),
            "delta": pd.to_timedelta(range(ROWS), unit="s"),
            "ordered": pd.Categorical(["lo", "hi", None] * (ROWS // 3), ["lo", "mid", "hi"], ordered=True),
            "numbers": pd.Categorical([3, 1, 3] * (ROWS // 3)),
            "numbers_ordered": pd.Categorical([3, 1, 3] * (ROWS // 3), ordered=True),
            "bytes": pd.Series([b"a", None] * (ROWS // 2), dtype="object"),
        }
    )


@pytest.mark.parametrize("row_group_rows", [5, 1000])
def test_pandas_comes_back_as_it_was(on_disk, row_group_rows) -> None:
    frame = pandas_frame()
    loaded = store_and_load(on_disk.with_settings(row_group_rows=row_group_rows), frame, pd.DataFrame)
    pd.testing.assert_frame_equal(loaded, frame)
    assert loaded["ordered"].cat.ordered


@pytest.mark.parametrize("row_group_rows", [5, 1000])
def test_a_loaded_frame_can_be_changed(on_disk, row_group_rows) -> None:
    loaded = store_and_load(
        on_disk.with_settings(row_group_rows=row_group_rows), pandas_frame(), pd.DataFrame
    )
    for name in ("int", "int16", "float"):
        loaded.loc[0, name] = 9
    loaded.loc[0, "naive"] = pd.Timestamp("2030-01-01")
    loaded.loc[0, "str"] = "new"
    assert (loaded.loc[0, "int"], loaded.loc[0, "str"]) == (9, "new")


def test_a_frame_made_of_one_chunk_can_be_changed() -> None:
    frame = to_pandas(pa.table({"a": pa.array([1, 2]), "b": pa.array([1.5, 2.5])}))
    frame.loc[0, "a"], frame.loc[0, "b"] = 9, 9.5
    assert frame.to_numpy().tolist() == [[9, 9.5], [2, 2.5]]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(list("abcdefghijkl"), name="key"),
        pd.Index([5, 3, 1] * 4),
        pd.date_range("2026-01-01", periods=ROWS, name="day", freq=None),
        pd.MultiIndex.from_product([["a", "b"], range(ROWS // 2)], names=["x", "y"]),
    ],
    ids=["named", "unnamed", "dates", "levels"],
)
def test_an_index_that_says_something_is_kept(on_disk, index) -> None:
    frame = pd.DataFrame({"v": range(ROWS)}, index=index)
    manager = on_disk.with_settings(row_group_rows=5)
    pd.testing.assert_frame_equal(store_and_load(manager, frame, pd.DataFrame), frame, check_freq=False)
    only = store_and_load(manager, frame.assign(w=1), pd.DataFrame, columns=["v"])
    pd.testing.assert_frame_equal(only, frame, check_freq=False)


def test_column_names_that_are_numbers_come_back_as_numbers(on_disk) -> None:
    frame = pd.DataFrame({0: [1, 2], 7: ["a", "b"]})
    loaded = store_and_load(on_disk, frame, pd.DataFrame)
    pd.testing.assert_frame_equal(loaded, frame, check_column_type=False)
    assert list(loaded.columns) == [0, 7]


def test_a_range_index_begins_again_at_zero(on_disk) -> None:
    loaded = store_and_load(on_disk, pd.DataFrame({"v": range(10)})[4:], pd.DataFrame)
    assert list(loaded.index) == list(range(6))


@pytest.mark.parametrize(
    "value",
    [
        pandas_frame()[:0].drop(columns=["ordered", "numbers", "numbers_ordered"]),
        pd.DataFrame({"a": pd.Series([], dtype="str")}),
        pd.DataFrame(),
    ],
)
def test_an_empty_frame_keeps_its_columns_and_types(storage, value) -> None:
    loaded = store_and_load(storage, value, pd.DataFrame)
    pd.testing.assert_frame_equal(
        loaded, value.reset_index(drop=True), check_column_type=False, check_index_type=False
    )


def test_no_column_at_all_can_be_asked_for(on_disk) -> None:
    loaded = store_and_load(on_disk, pa.table({"a": [1, 2]}), pa.Table, columns=[])
    assert loaded.schema.names == []


def test_empty_tables_and_readers(storage) -> None:
    table = pa.table(ARROW).slice(0, 0)
    assert store_and_load(storage, table, pa.Table).equals(table)
    assert store_and_load(storage, table.to_reader(), pa.RecordBatchReader).equals(table)


def test_pandas_and_arrow_read_each_other(storage) -> None:
    frame = pd.DataFrame({"a": [1, 2], "s": ["x", None]})
    assert store_and_load(storage, frame, pa.Table).to_pylist() == [{"a": 1, "s": "x"}, {"a": 2, "s": None}]
    table = pa.table({"a": [1, 2], "s": ["x", None]})
    pd.testing.assert_frame_equal(store_and_load(storage, table, pd.DataFrame), frame)


def test_without_an_annotation_it_is_what_is_stored(storage) -> None:
    assert isinstance(store_and_load(storage, pa.table({"a": [1]}), Any), pd.DataFrame)
    assert store_and_load(storage, {"a": 1}, Any) == {"a": 1}


@pytest.mark.parametrize(
    "value",
    [0, -1, 2**70, 1.5, 1e-300, "", "é\n", True, None, {}, [], {"a": [1, None, {"b": "c"}]}, [[], {}]],
)
def test_plain_values_come_back_as_they_were(storage, value) -> None:
    loaded = store_and_load(storage, value, Any)
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1: "a"}, r"the key 1 is no string"),
        ({"a": [1, (2, 3)]}, r"\['a'\]\[1\]: can't store a builtins.tuple"),
        (float("nan"), "JSON has no nan"),
        ([dt.date(2026, 1, 1)], r"\[0\]: can't store a datetime.date"),
        (object(), r"can't store a builtins.object.*pickle_io_manager.*S3PickleIOManager"),
        (pd.Series([1]), r"can't store a pandas\..*Series"),
    ],
)
def test_other_values_are_refused_and_nothing_is_written(storage, value, words) -> None:
    with pytest.raises(dg.Failure, match=words) as raised:
        store_and_load(storage, value, Any)
    assert "asset source" in raised.value.description
    assert raised.value.allow_retries is False
    assert storage.keys() == set()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"a": pd.Series([1, "x"], dtype="object")}), "because of column 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a"),
        (pa.table([[1], [2]], names=["a", "a"]), "several columns are named 'a'"),
    ],
)
def test_frames_that_parquet_cannot_hold_are_refused(storage, frame, words) -> None:
    with pytest.raises(dg.Failure, match=words) as raised:
        store_and_load(storage, frame, Any)
    assert "asset source" in raised.value.description
    assert storage.keys() == set()


@pytest.mark.parametrize(
    "annotation", [pd.Series, set, tuple, dict[str, pa.RecordBatchReader], pa.Table | int]
)
def test_other_annotations_are_refused_with_what_is_accepted(on_disk, annotation) -> None:
    with pytest.raises(dg.Failure, match=r"pyarrow\.RecordBatchReader"):
        store_and_load(on_disk, pd.DataFrame({"a": [1]}), annotation)


def test_the_same_rows_give_the_same_bytes(storage) -> None:
    manager = storage.with_settings(row_group_rows=5)
    contents = []
    for value in (pandas_frame(), pandas_frame(), pa.table(ARROW), pa.table(ARROW)):
        store_and_load(manager, value, Any)
        contents.append((storage.folder / "source.parquet").read_bytes())
    assert contents[0] == contents[1]
    assert contents[2] == contents[3]
    assert contents[0] != contents[2]


def test_a_stream_in_other_batches_gives_the_same_bytes(on_disk) -> None:
    table = pa.table({"a": range(100), "s": [str(number) for number in range(100)]})
    contents = set()
    for rows in (1, 7, 100):
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=rows))
        store_and_load(on_disk.with_settings(row_group_rows=16), reader, Any)
        contents.add((on_disk.folder / "source.parquet").read_bytes())
    assert len(contents) == 1


def test_an_asset_that_changes_its_kind_leaves_one_object(storage) -> None:
    assert store_and_load(storage, {"a": 1}, Any) == {"a": 1}
    assert isinstance(store_and_load(storage, pd.DataFrame({"a": [1]}), Any), pd.DataFrame)
    assert "source.json" not in set(storage.keys())
    assert store_and_load(storage, 3, int) == 3
    assert "source.parquet" not in set(storage.keys())


@pytest.mark.parametrize(
    ("value", "annotation"), [(pd.DataFrame({"a": [1]}), int), (3, pd.DataFrame), (3, pa.RecordBatchReader)]
)
def test_asking_for_the_other_kind_says_what_is_stored(storage, value, annotation) -> None:
    with pytest.raises(dg.Failure, match=r"stored as a .* and asked for as a "):
        store_and_load(storage, value, annotation)
