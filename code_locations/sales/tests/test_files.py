"""What is made of the files, against sums of the csv module that know nothing of the assets' code."""

import csv
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from sales.columns import ROWS, TOTALS
from sales.defs.files import assets, jobs
from sales.defs.files.folder import SETTLE_SECONDS, CsvFolder
from sales.defs.files.reading import read_files
from sales.demo import main as demo
from slipway.columns import arrow_schema
from slipway.storage import ParquetIOManager

HEADER = "sale_id,day,country,amount_eur\n"
Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a file that has been complete for a minute, or for `age` seconds."""

    def put(name: str, content: str | bytes, age: float = 60) -> Path:
        file = folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        written = file.stat().st_mtime - age
        os.utime(file, (written, written))
        return file

    return put


def run(folder: Path, **options) -> dg.ExecuteInProcessResult:
    """Run the job on the folder, with the assets beside it."""
    resources = {
        "sales_folder": CsvFolder(path=str(folder)),
        "io_manager": ParquetIOManager(base_url=(folder.parent / "assets").as_uri()),
    }
    defs = dg.Definitions(dg.load_assets_from_modules([assets]), jobs=[jobs.sales_job], resources=resources)
    return defs.resolve_job_def("sales_job").execute_in_process(**options)


def stored(folder: Path, asset: str) -> list[dict]:
    return pq.read_table(folder.parent / "assets" / f"{asset}.parquet").to_pylist()


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def bad(check: dg.AssetCheckEvaluation) -> list[tuple]:
    return [tuple(record.data.values()) for record in check.metadata["first"].records]


def test_totals_of_the_demo_are_those_of_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_FOLDER", str(folder))
    assert demo(["--sales", "900", "--until", "2026-06-30"]) == 0
    sales = {}
    for file in sorted(folder.glob("sales-*.csv")):
        for row in csv.DictReader(file.open()):
            try:
                sales[row["sale_id"]] = (
                    row["country"].strip().upper(),
                    Decimal(row["amount_eur"]),
                    row["day"],
                )
            except InvalidOperation:
                continue
    expected = {}
    for country, amount, day in sales.values():
        count, total, first, last = expected.get(country, (0, Decimal(0), day, day))
        expected[country] = (count + 1, total + amount, min(first, day), max(last, day))
    result = run(folder)
    found = stored(folder, "total_by_country")
    assert [row["country"] for row in found] == sorted(expected)
    for row in found:
        days = (str(row["first_day"]), str(row["last_day"]))
        assert (row["sales"], row["total_eur"], *days) == expected[row["country"]]
    assert {file for file, _, _ in bad(checks(result)["every_file_is_read"])} == {
        "shop-empty.csv",
        "shop-latin1.csv",
        "shop-semicolons.csv",
    }


def test_the_demo_gives_the_same_files_and_leaves_changed_ones_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_FOLDER", str(folder))
    options = ["--sales", "100", "--until", "2026-02-10"]
    demo(options)
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}
    (folder / "sales-2026-01.csv").unlink()
    (folder / "sales-2026-02.csv").write_text("mine")
    demo(options)
    after = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}
    assert after.pop("sales-2026-02.csv")[0] == b"mine"
    before.pop("sales-2026-02.csv")
    assert after == before


def test_bad_files_and_rows_are_named_and_the_good_go_on(folder: Path, write: Write) -> None:
    rows = (
        "1,2026-01-01,DE,1.50\n,2026-01-01,DE,1\n3,2026-02-30,DE,1\n4,2026-01-01,DE\n5,2026-01-01,Berlin,1\n"
    )
    write("a.csv", HEADER + rows + '6,2026-01-01,DE,1.234\n"7\n",2026-01-02, fr ,-2\n')
    write("b.csv", "sale_id,day\n1,2026-01-01\n")
    write("c.CSV", HEADER.encode() + b"\xff,2026-01-01,DE,1\n")
    found = checks(run(folder))
    assert [(row["sale_id"], row["country"], row["amount_eur"]) for row in stored(folder, "sales")] == [
        ("1", "DE", Decimal("1.50")),
        ("7", "FR", Decimal(-2)),
    ]
    assert bad(found["every_row_is_read"]) == [
        ("a.csv", 3, "sale_id is ''"),
        ("a.csv", 4, "day is '2026-02-30'"),
        ("a.csv", 5, "3 cells in place of 4"),
        ("a.csv", 6, "country is 'BERLIN'"),
        ("a.csv", 7, "amount_eur is '1.234'"),
    ]
    files = bad(found["every_file_is_read"])
    assert [file for file, _, _ in files] == ["b.csv", "c.CSV"]
    assert "lacks country, amount_eur; it has sale_id, day" in files[0][2]
    for check in (found["every_row_is_read"], found["every_file_is_read"]):
        assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.WARN, False)


def test_of_a_sale_that_comes_again_the_last_counts(write: Write) -> None:
    files = [
        write("1.csv", HEADER + "a,2026-01-01,DE,1\nb,2026-01-01,DE,1\n"),
        write("2.csv", HEADER + "a,2026-01-03,FR,2\na,2026-01-02,FR,3\n"),
    ]
    reading = read_files(files)
    assert [(row["sale_id"], row["day"], row["amount_eur"]) for row in reading.rows.to_pylist()] == [
        ("b", date(2026, 1, 1), 1),
        ("a", date(2026, 1, 2), 3),
    ]
    assert reading.repeated == 2


def test_a_folder_without_files_is_an_empty_table_and_a_warning(folder: Path, write: Write) -> None:
    write(".hidden.csv", HEADER)
    write("notes.txt", "")
    found = checks(run(folder))
    assert stored(folder, "sales") == stored(folder, "total_by_country") == []
    assert "no complete CSV file" in found["every_file_is_read"].description
    assert found["every_row_is_read"].passed


def test_a_folder_that_is_not_there_is_named_and_not_tried_again(folder: Path) -> None:
    result = run(folder / "elsewhere", raise_on_error=False)
    assert not result.success
    (failure,) = [
        each.step_failure_data.user_failure_data for each in result.all_events if each.is_step_failure
    ]
    assert "elsewhere is no folder" in failure.description
    assert "SALES_FOLDER" in failure.description


def test_a_file_that_is_still_being_written_is_left_alone(folder: Path, write: Write) -> None:
    write("done.csv", HEADER + "1,2026-01-01,DE,1\n")
    write("half.csv", HEADER + "2,2026-01-0", age=SETTLE_SECONDS - 5)
    write("tomorrow.csv", HEADER + "3,2026-01-01,DE,1\n", age=-86_400)
    result = run(folder)
    assert [row["sale_id"] for row in stored(folder, "sales")] == ["1", "3"]
    event = result.asset_materializations_for_node("sales")[0]
    assert event.metadata["still_being_written"].value == ["half.csv"]


def test_the_same_files_give_the_same_bytes(folder: Path, write: Write) -> None:
    write(
        "1.csv",
        HEADER + "".join(f"{n},2026-01-0{n % 9 + 1},{'DE' if n % 2 else 'FR'},1\n" for n in range(500)),
    )
    contents = []
    for _ in range(2):
        run(folder)
        contents.append([file.read_bytes() for file in sorted((folder.parent / "assets").iterdir())])
    assert contents[0] == contents[1]
    for asset, columns in {"sales": ROWS, "total_by_country": TOTALS}.items():
        schema = pq.read_schema(folder.parent / "assets" / f"{asset}.parquet")
        assert schema.remove_metadata() == arrow_schema(columns)
