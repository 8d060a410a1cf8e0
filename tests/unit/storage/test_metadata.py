"""What a materialisation says about its object."""

from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest


def materialized(storage: Any, value: Any, **options: Any) -> dict[str, Any]:
    @dg.asset(**options)
    def source() -> Any:
        return value

    result = storage.materialize(source)
    (event,) = result.get_asset_materialization_events()
    return {key: entry.value for key, entry in event.materialization.metadata.items()}


def test_a_frame_says_rows_bytes_address_schema_and_first_rows(storage) -> None:
    field = pa.field("id", pa.int64(), nullable=False)
    table = pa.table(
        {"id": range(7), "text": list("abcdefg")}, schema=pa.schema([field, ("text", pa.string())])
    )
    found = materialized(storage, table)
    assert found["dagster/row_count"] == 7
    assert found["size_bytes"] == (storage.folder / "source.parquet").stat().st_size
    assert found["dagster/uri"] == f"{storage.manager.base_url}/source.parquet"
    columns = {column.name: column for column in found["dagster/column_schema"].columns}
    assert (columns["id"].type, columns["id"].constraints.nullable) == ("int64", False)
    assert (columns["text"].type, columns["text"].constraints.nullable) == ("string", True)
    assert found["preview"].split("\n")[0] == "| id | text |"
    assert len(found["preview"].split("\n")) == 2 + 5


def test_a_stream_says_the_same_as_the_table(storage) -> None:
    table = pa.table({"id": range(7)})
    assert materialized(storage, table.to_reader(max_chunksize=2)) == materialized(storage, table)


def test_a_value_says_bytes_and_address(storage) -> None:
    found = materialized(storage, {"a": 1})
    assert found == {
        "size_bytes": (storage.folder / "source.json").stat().st_size,
        "dagster/uri": f"{storage.manager.base_url}/source.json",
    }


def test_descriptions_of_the_definition_are_kept(on_disk) -> None:
    declared = dg.TableSchema([dg.TableColumn("a", "whatever", "what a means", tags={"pii": ""})])
    found = materialized(
        on_disk, pd.DataFrame({"a": [1], "b": [2]}), metadata={"dagster/column_schema": declared}
    )
    first, second = found["dagster/column_schema"].columns
    assert (first.type, first.description, first.tags) == ("int64", "what a means", {"pii": ""})
    assert second.description is None


def test_what_the_asset_says_itself_wins(on_disk) -> None:
    @dg.asset
    def source(context: dg.AssetExecutionContext) -> pd.DataFrame:
        context.add_output_metadata({"dagster/row_count": 99})
        return pd.DataFrame({"a": [1]})

    (event,) = on_disk.materialize(source).get_asset_materialization_events()
    assert event.materialization.metadata["dagster/row_count"].value == 99


def test_the_preview_is_small_and_a_table_whatever_is_in_the_cells(on_disk) -> None:
    frame = pd.DataFrame({f"column {number}": ["|\n" + "x" * 10_000] * 9 for number in range(60)})
    preview = materialized(on_disk, frame)["preview"]
    assert len(preview) < 5_000
    assert "\\| xxx" in preview
    assert materialized(on_disk.with_settings(), frame.iloc[:, :2])["preview"].count("\n") == 6


def test_the_preview_can_be_left_out(on_disk) -> None:
    assert "preview" not in materialized(on_disk.with_settings(preview=False), pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("value", [pd.DataFrame({"a": []}), pa.table({"a": pa.array([], pa.int64())})])
def test_a_frame_without_rows_says_so(on_disk, value) -> None:
    found = materialized(on_disk, value)
    assert (found["dagster/row_count"], len(found["dagster/column_schema"].columns)) == (0, 1)


def test_outputs_of_ops_that_are_no_assets_are_kept_by_run(storage) -> None:
    @dg.op
    def first() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    @dg.op
    def second(frame: pd.DataFrame) -> int:
        return len(frame)

    @dg.job(resource_defs={"io_manager": storage.manager})
    def two() -> None:
        second(first())

    result = two.execute_in_process()
    assert result.output_for_node("second") == 2
    assert storage.keys() == {
        f"_outputs/{result.run_id}/first/result.parquet",
        f"_outputs/{result.run_id}/second/result.json",
    }
