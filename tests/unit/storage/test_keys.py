from urllib.parse import unquote

import dagster as dg
import pytest

from slipway.storage.keys import asset_place, output_place


def path(key: list[str], partition: str | None = None, base: str = "s3://b") -> str:
    return asset_place(base, dg.AssetKey(key), partition).path(".parquet")


def test_the_layout_of_assets_and_partitions() -> None:
    assert path(["orders"]) == "orders.parquet"
    assert path(["orders", "daily"], "2026-01-01") == "orders/daily/2026-01-01.parquet"
    assert output_place("s3://b", ["run", "step", "result"]).path(".json") == "_outputs/run/step/result.json"


def test_dimensions_stand_in_the_order_of_their_names() -> None:
    key = dg.MultiPartitionKey({"zone": "eu", "date": "2026-01-01"})
    assert path(["a"], key) == "a/2026-01-01/eu.parquet"


@pytest.mark.parametrize(
    "key", ["a/b", "..", ".", ".hidden", "a b", "ü", "50%", "%2E", "x.parquet", "x.json", "a|b", "\n"]
)
def test_a_partition_key_is_one_part_and_can_be_read_back(key: str) -> None:
    folder, name = path(["asset"], key).split("/")
    assert folder == "asset"
    assert unquote(name.removesuffix(".parquet")) == key
    assert not name.startswith(".")


def test_different_partition_keys_have_different_objects() -> None:
    keys = ["a/b", "a%2Fb", "a b", "a%20b", "..", "%2E%2E", "%2E.", "x.json", "x%2Ejson", "\u00e9", "e\u0301"]
    assert len({path(["asset"], key) for key in keys}) == len(keys)


def test_an_asset_named_like_an_object_is_no_folder_of_that_name() -> None:
    assert path(["a.parquet", "b"]).split("/")[0] != path(["a"])


def test_an_empty_partition_key_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        path(["asset"], "")


def test_an_error_shows_bucket_and_whole_key_or_file() -> None:
    place = asset_place("s3://lake/base", dg.AssetKey(["a"]), "2026-01-01")
    assert place.location(".parquet") == "bucket lake, key base/a/2026-01-01.parquet"
    assert place.uri(".parquet") == "s3://lake/base/a/2026-01-01.parquet"
    assert place.launch_command == "dg launch --assets a --partition 2026-01-01"
    assert asset_place("file:///data/x", dg.AssetKey(["a"]), None).location(".json") == "file /data/x/a.json"
    assert asset_place("s3://b", dg.AssetKey(["a"]), "x y").launch_command.endswith("--partition 'x y'")
