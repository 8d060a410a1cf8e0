"""Reading stored assets outside of Dagster's inputs."""

import dagster as dg
import pyarrow as pa
import pytest

from slipway.storage.errors import MissingObjectError

from .conftest import partition_range
from .exchange import write
from .partitioned import DAILY, asset

KEY = dg.AssetKey("source")
DAYS = DAILY.get_partition_keys()[:3]


def test_one_frame_or_some_of_its_columns(storage) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    write(storage, table)
    assert storage.manager.read_table(KEY).equals(table)
    assert storage.manager.read_table(KEY, columns=["b"]).equals(table.select(["b"]))
    assert storage.manager.read_stream(KEY, columns=["a"]).read_all().equals(table.select(["a"]))


def test_what_is_missing_is_named_or_left_out(storage) -> None:
    assert storage.manager.read_table(KEY, allow_missing=True).num_columns == 0
    assert storage.manager.read_table(KEY, DAYS, allow_missing=True).num_columns == 0
    with pytest.raises(MissingObjectError, match="asset source"):
        storage.manager.read_table(KEY)
    with pytest.raises(MissingObjectError, match="3 of the 3 partitions asked for are missing"):
        storage.manager.read_table(KEY, DAYS)


def test_some_partitions_in_the_order_asked_for(storage) -> None:
    days = asset(DAILY, lambda context: {key: pa.table({"day": [key]}) for key in context.partition_keys})
    storage.materialize(days, tags=partition_range(DAYS[0], DAYS[1]))
    asked = [DAYS[2], DAYS[1], DAYS[0]]
    found = storage.manager.read_table(KEY, asked, allow_missing=True)
    assert found.column("day").to_pylist() == [DAYS[1], DAYS[0]]
    with pytest.raises(MissingObjectError, match=f"partition {DAYS[2]}"):
        storage.manager.read_table(KEY, asked)
