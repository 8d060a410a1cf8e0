"""The committed files against the code: what is complained of, what may be written, what is published meanwhile."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from slipway.columns import Column
from slipway.contracts import Contract, baseline, published
from slipway.contracts import __main__ as command
from slipway.storage import ParquetIOManager

ONE = Contract(
    "1.0.0", (Column("n", pa.int64(), "The number.", nullable=False), Column("s", pa.string(), "Text."))
)
TABLE = pa.table({"n": [1], "s": ["x"]})


def code(*contracts: tuple[str, Contract]) -> dg.Definitions:
    def asset(name: str, contract: Contract) -> dg.AssetsDefinition:
        @published(contract, key=name.split("/"))
        def made() -> pa.Table:
            return TABLE

        return made

    return dg.Definitions(assets=[asset(*each) for each in contracts])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Committed files of the assets a and north/b, both under ONE."""
    written, refused = baseline.update(code(("a", ONE), ("north/b", ONE)), tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in written] == ["a.odcs.yaml", "north/b.odcs.yaml"]
    assert not refused
    return tmp_path


def test_the_same_code_has_nothing_to_complain_of(folder: Path) -> None:
    same = code(("a", ONE), ("north/b", ONE))
    assert baseline.complaints(same, folder) == []
    assert baseline.update(same, folder) == ([], [])


def test_a_breaking_change_is_shown_and_not_written_until_the_version_says_so(folder: Path) -> None:
    before = (folder / "a.odcs.yaml").read_bytes()
    loosened = replace(ONE, columns=(replace(ONE.columns[0], nullable=True), ONE.columns[1]))
    (complaint,) = baseline.complaints(code(("a", loosened), ("north/b", ONE)), folder)
    assert complaint.startswith("contract of a:\n  BREAKING: column n may now have nulls\n  --- ")
    assert "  -        required: true\n  +        required: false" in complaint
    assert "This needs version 2.0.0 at least, and the contract says 1.0.0." in complaint
    assert baseline.update(code(("a", loosened), ("north/b", ONE)), folder) == ([], [complaint])
    assert (folder / "a.odcs.yaml").read_bytes() == before
    bumped = code(("a", replace(loosened, version="2.0.0")), ("north/b", ONE))
    (outdated,) = baseline.complaints(bumped, folder)
    assert f"{folder}/a.odcs.yaml is out of date. Run `slipway contracts" in outdated
    assert baseline.update(bumped, folder) == ([folder / "a.odcs.yaml"], [])
    assert baseline.complaints(bumped, folder) == []


def test_an_addition_needs_a_minor_version_and_other_words_only_the_file(folder: Path) -> None:
    stricter = replace(ONE, columns=(ONE.columns[0], replace(ONE.columns[1], nullable=False)))
    (complaint,) = baseline.complaints(code(("a", stricter), ("north/b", ONE)), folder)
    assert "addition: column s no longer has nulls" in complaint
    assert "This needs version 1.1.0 at least" in complaint
    words = replace(ONE, columns=(ONE.columns[0], replace(ONE.columns[1], description="Other words.")))
    (complaint,) = baseline.complaints(code(("a", words), ("north/b", ONE)), folder)
    assert "is out of date" in complaint
    assert "BREAKING" not in complaint


def test_an_asset_that_is_no_longer_published_and_one_that_is_new(folder: Path) -> None:
    gone, new = baseline.complaints(code(("a", ONE), ("c", ONE)), folder)
    assert "contract of c: " in gone + new
    assert "c.odcs.yaml is missing" in gone + new
    assert "contract of north/b: BREAKING: the asset is no longer published" in gone + new
    assert f"git rm {folder}/north/b.odcs.yaml" in gone + new


def test_what_is_published_is_compared_too(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    url = tmp_path_factory.mktemp("store").as_uri()
    theirs = code(("a", ONE))
    assert command.against_store(theirs, url) == []
    dg.materialize(list(theirs.assets or ()), resources={"io_manager": ParquetIOManager(base_url=url)})
    assert command.against_store(theirs, url) == []
    (complaint,) = command.against_store(code(("a", replace(ONE, columns=ONE.columns[:1]))), url)
    assert complaint.startswith("contract of a:\n  BREAKING: column s (string) is gone")
    assert f"{url}/a.odcs.yaml" in complaint
