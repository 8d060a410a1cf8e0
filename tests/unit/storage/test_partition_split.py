"""One frame, divided over the partitions of a run."""

import datetime as dt
import re
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from slipway.storage import PARTITION_BY
from slipway.storage.errors import PartitionsError
from slipway.storage.partition_split import split

from .conftest import Storage, partition_range
from .partitioned import (
    DAILY,
    MONTHLY,
    MULTI,
    STATIC,
    asset,
    broken_run,
    load,
)


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
