"""Changing a stored frame while others do."""

from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pyarrow as pa
import pytest

from slipway.storage import StorageError

KEY = dg.AssetKey("sums")


def add(manager, number, partition="2026-01-01"):
    def change(stored):
        row = pa.table({"n": [number]})
        return row if stored is None else pa.concat_tables([stored, row])

    return manager.update(KEY, partition, change)


def stored(manager, partition="2026-01-01"):
    found = []

    def look(table):
        found.extend(table.column("n").to_pylist())
        return table

    manager.update(KEY, partition, look)
    return found


def test_a_change_is_of_what_is_stored(storage):
    manager = storage.manager
    assert add(manager, 1)["dagster/partition_row_count"] == 1
    metadata = add(manager, 2)
    assert metadata["dagster/partition_row_count"] == 2
    assert metadata["dagster/uri"].endswith("sums/2026-01-01.parquet")
    assert stored(manager) == [1, 2]


def test_changes_at_once_lose_nothing(storage):
    manager = storage.manager
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: add(manager, number), range(24)))
    assert sorted(stored(manager)) == list(range(24))


def test_a_change_that_fails_leaves_it_as_it_was(storage):
    manager = storage.manager
    add(manager, 1)

    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        manager.update(KEY, "2026-01-01", fail)
    assert stored(manager) == [1]


def test_what_another_asset_wrote_is_not_changed(storage):
    manager = storage.manager
    add(manager, 1)
    with pytest.raises(StorageError, match="was written by asset sums"):
        manager.update(dg.AssetKey(["sums", "2026-01-01"]), None, lambda table: table)
