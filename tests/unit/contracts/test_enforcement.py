"""An asset under a contract, run by Dagster: what is stored, what is said, what runs after it."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.columns import Column, arrow_schema
from slipway.contracts import Contract, DeclarationError, NoContractError, published, published_contract
from slipway.contracts.document import from_document
from slipway.storage import CONTRACT, ParquetIOManager

DAYS = dg.StaticPartitionsDefinition(["a", "b", "c"])
COLUMNS = (
    Column("day", pa.string(), "The day.", nullable=False),
    Column("n", pa.int64(), "The number.", minimum=0),
)
NUMBERS = Contract("1.2.0", COLUMNS, unique=(("n",),), minimum_rows=1)
BY_DAY = Contract("1.0.0", COLUMNS, unique=(("day", "n"),))
GOOD = pa.table({"day": ["a", "b"], "n": [1, 2]})
BAD = pa.table({"day": ["a", None, "c"], "n": [1, -5, -7]})


def stream(table: pa.Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, iter(table.to_batches(max_chunksize=1)))


class Folder:
    """Assets in a folder of their own, with one event log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.instance = dg.DagsterInstance.ephemeral()

    def run(self, *assets: dg.AssetsDefinition, **options: Any) -> dg.ExecuteInProcessResult:
        manager = ParquetIOManager(base_url=self.path.as_uri())
        return dg.materialize(
            assets, instance=self.instance, resources={"io_manager": manager}, raise_on_error=False, **options
        )

    def files(self) -> dict[str, bytes]:
        return {str(file.relative_to(self.path)): file.read_bytes() for file in self.path.rglob("*.*")}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def numbers(value: Any, contract: Contract = NUMBERS, **options: Any) -> dg.AssetsDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)

        @published(contract, name="numbers", owners=["team:north"], **options)
        def made(context: dg.AssetExecutionContext) -> Any:
            """Numbers of days.

            More words.
            """
            context.add_asset_metadata({"mine": 1})
            return value

        return made


@dg.asset
def total(numbers: pa.Table) -> int:
    return numbers.num_rows


def check_of(result: dg.ExecuteInProcessResult) -> Any:
    (check,) = result.get_asset_check_evaluations()
    return check


@pytest.mark.parametrize(
    "form", [lambda t: t, stream, lambda t: t.to_pandas(), dg.Output, lambda t: dg.MaterializeResult(value=t)]
)
def test_a_frame_that_keeps_it_is_stored_with_the_contract_beside_it(folder: Folder, form: Any) -> None:
    result = folder.run(numbers(form(GOOD)), total)
    assert result.success
    assert set(folder.files()) == {"numbers.parquet", "numbers.odcs.yaml", "total.json"}
    assert pq.ParquetFile(folder.path / "numbers.parquet").read().to_pydict() == GOOD.to_pydict()
    check = check_of(result)
    assert (check.check_name, check.passed, check.blocking) == ("contract", True, True)
    (made,) = result.asset_materializations_for_node("numbers")
    assert made.metadata["mine"].value == 1
    assert check.target_materialization_data.run_id == result.run_id
    day, n = made.metadata["dagster/column_schema"].value.columns
    assert (day.constraints.nullable, n.constraints.unique, n.constraints.other) == (
        False,
        True,
        ["minimum 0"],
    )


@pytest.mark.parametrize("form", [lambda t: t, stream, dg.Output])
def test_what_breaks_it_leaves_everything_as_it_was(folder: Folder, form: Any) -> None:
    assert folder.run(numbers(GOOD), total).success
    before = folder.files()
    result = folder.run(numbers(form(BAD)), total)
    assert not result.success
    assert folder.files() == before
    assert result.get_failed_step_keys() == {"numbers"}
    skipped = [event.step_key for event in result.all_events if event.is_step_skipped or event.is_step_start]
    assert "total" not in skipped
    check = check_of(result)
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    shown = [
        tuple(record.data[name] for name in ("column", "rule", "row", "key", "value"))
        for record in check.metadata["first_bad_rows"].records
    ]
    assert shown == [
        ("day", "not null", 1, "n=-5", "null"),
        ("n", "minimum 0", 1, "n=-5", "-5"),
        ("n", "minimum 0", 2, "n=-7", "-7"),
    ]
    broken = {
        (each.data["column"], each.data["rule"]): each.data["bad rows"]
        for each in check.metadata["broken"].records
    }
    assert broken == {("day", "not null"): 1, ("n", "minimum 0"): 2}
    error = result.failure_data_for_node("numbers").error
    assert "asset numbers breaks its contract (version 1.2.0), and nothing of it was stored" in error.message
    assert "- column n, minimum 0: 2 rows, the first is row 1 (n=-5): -5" in error.message
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_run_over_partitions_is_one_check_and_stores_none_of_them(folder: Folder) -> None:
    options = {
        "partitions_def": DAYS,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "metadata": {"slipway/partition_by": "day"},
        "contract": BY_DAY,
    }
    three = pa.table({"day": ["a", "b", "c"], "n": [1, 1, 1]})
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    assert folder.run(numbers(three, **options), tags=tags).success
    before = folder.files()
    assert set(before) == {"numbers.odcs.yaml", "numbers/a.parquet", "numbers/b.parquet", "numbers/c.parquet"}
    assert published_contract(folder.path.as_uri(), "numbers").partitioned_by == ("day",)
    result = folder.run(numbers(three.slice(0, 2).append_column("x", [[1, 2]]), **options), tags=tags)
    assert not result.success
    assert check_of(result).metadata["broken"].records[0].data["column"] == "x"
    assert folder.files() == before


def test_a_dict_of_partitions_names_the_partition(folder: Folder) -> None:
    parts = {"a": GOOD.slice(0, 1), "b": pa.table({"day": ["b"], "n": [-1]})}
    made = numbers(parts, BY_DAY, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
    result = folder.run(made, tags=tags)
    assert "partition b: column n, minimum 0: 1 row" in check_of(result).description
    assert not folder.files()


def test_the_contract_is_written_only_when_it_changed(folder: Folder) -> None:
    assert folder.run(numbers(GOOD)).success
    file = folder.path / "numbers.odcs.yaml"
    first, written = file.read_bytes(), file.stat().st_mtime_ns
    assert folder.run(numbers(GOOD.slice(0, 1))).success
    assert file.stat().st_mtime_ns == written
    more = Contract(
        "1.3.0",
        (COLUMNS[0], Column("n", pa.int64(), "The number.", minimum=1)),
        unique=(("n",),),
        minimum_rows=1,
    )
    assert folder.run(numbers(GOOD, more)).success
    assert file.read_bytes() != first
    assert published_contract(folder.path.as_uri(), "numbers").contract == more


def test_a_breaking_change_is_not_published_without_a_new_major_version(folder: Folder) -> None:
    assert folder.run(numbers(GOOD)).success
    before = folder.files()
    fewer = Contract("1.3.0", COLUMNS[1:], unique=(("n",),))
    result = folder.run(numbers(GOOD.select(["n"]), fewer))
    assert not result.success
    assert folder.files() == before
    error = result.failure_data_for_node("numbers").error.message
    assert "column day (string) is gone" in error
    assert "declare version 2.0.0" in error
    # With a new major version it is, and the older image may come back.
    assert folder.run(numbers(GOOD.select(["n"]), Contract("2.0.0", COLUMNS[1:], unique=(("n",),)))).success
    assert folder.run(numbers(GOOD)).success
    assert folder.files() == before


def test_something_that_is_no_frame_is_refused(folder: Folder) -> None:
    result = folder.run(numbers(3))
    assert (
        "a int was returned, and a contract is about frames"
        in result.failure_data_for_node("numbers").error.message
    )


def test_rows_of_partitions_can_not_be_bounded() -> None:
    with pytest.raises(DeclarationError, match="asset numbers: a contract can't bound the rows"):
        numbers(GOOD, partitions_def=DAYS)


def test_what_is_declared_is_known_of_the_asset() -> None:
    (spec,) = numbers(GOOD, key_prefix="north").specs
    found = from_document(spec.metadata[CONTRACT].data)
    assert (found.asset, found.path, found.purpose) == (
        "north/numbers",
        "north/numbers.parquet",
        "Numbers of days.",
    )
    assert (found.owners, found.contract) == (("team:north",), NUMBERS)


def test_without_a_contract_there_is_none_to_read(folder: Folder) -> None:
    with pytest.raises(NoContractError, match=r"file .*/nothing\.odcs\.yaml.*dg launch --assets nothing"):
        published_contract(folder.path.as_uri(), "nothing")


def test_a_large_stream_is_evaluated_without_being_in_memory(folder: Folder) -> None:
    contract = Contract("1.0.0", (Column("t", pa.string(), "", pattern="x$"),))
    schema = arrow_schema(contract.columns)

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(20):
            assert pa.total_allocated_bytes() - before < 100_000_000
            yield pa.record_batch({"t": ["y" * 1000 + "x"] * 10_000})

    before = pa.total_allocated_bytes()
    assert folder.run(numbers(pa.RecordBatchReader.from_batches(schema, batches()), contract)).success
    assert pq.ParquetFile(folder.path / "numbers.parquet").metadata.num_rows == 200_000
