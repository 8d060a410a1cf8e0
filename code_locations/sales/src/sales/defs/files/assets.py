"""The assets that are made of the files.

Made anew from all files each time, so that a file can be corrected, or taken away, at any time. Does not
belong here: how files are read and rows are summed (`reading.py`).
"""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from sales.columns import ROWS, TOTALS
from sales.defs.files.folder import CsvFolder, Listing
from sales.defs.files.reading import Problem, Reading, read_files, totals
from slipway.columns import table_schema
from slipway.contracts import Contract, published

OWNERS = ["team:sales"]
GROUP = "files"
SHOWN = 10
"""How many bad files or rows a check shows."""

CONTRACT = Contract("1.0.0", TOTALS, unique=(("country",),))
"""What `total_by_country` promises; an empty folder is no reason to store nothing, so rows are not counted."""

STATE = "folder_state"
"""Key in a materialization's metadata: the state of the folder that it was made of."""


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"csv", "parquet"},
    tags={"layer": "raw"},
    metadata={"dagster/column_schema": table_schema(ROWS)},
    check_specs=[
        dg.AssetCheckSpec(
            "every_file_is_read", asset="sales", description="The folder has files, all readable."
        ),
        dg.AssetCheckSpec(
            "every_row_is_read", asset="sales", description="No row of a readable file is bad."
        ),
    ],
)
def sales(sales_folder: CsvFolder) -> Iterator[dg.Output[pa.Table] | dg.AssetCheckResult]:
    """Every sale of every file in the folder.

    Columns: `columns.ROWS`; by day and sale_id. Of rows with the same sale_id the last counts, files by
    name. A file or row that can't be read is left out: its check warns and names it, and the good ones go
    on. A folder without files is a table without rows, and a warning.

    Raises:
        dagster.Failure: there is no such folder; not retried.
    """
    listing = sales_folder.listing()
    reading = read_files(listing.files)
    metadata = {
        "files": len(listing.files),
        "still_being_written": list(listing.unfinished),
        "repeated": reading.repeated,
        STATE: listing.state,
    }
    yield dg.Output(reading.rows, metadata=metadata)
    yield _files_verdict(listing, reading)
    yield _rows_verdict(reading)


@published(
    CONTRACT,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet"},
    tags={"layer": "report"},
)
def total_by_country(sales: pa.Table) -> pa.Table:
    """Number and sum of the sales of each country.

    Columns: `columns.TOTALS`; by country; countries without a sale have no row.
    """
    return totals(sales)


def _files_verdict(listing: Listing, reading: Reading) -> dg.AssetCheckResult:
    bad = [problem for problem in reading.problems if problem.line is None]
    complaint = f"{len(bad)} of {len(listing.files)} files can't be read." if bad else None
    if not listing.files:
        complaint = "There is no complete CSV file in the folder that SALES_FOLDER names."
    return _verdict("every_file_is_read", bad, complaint)


def _rows_verdict(reading: Reading) -> dg.AssetCheckResult:
    bad = [problem for problem in reading.problems if problem.line is not None]
    return _verdict("every_row_is_read", bad, f"{len(bad)} rows are bad." if bad else None)


def _verdict(name: str, bad: list[Problem], complaint: str | None) -> dg.AssetCheckResult:
    first = [
        dg.TableRecord({"file": each.file, "line": each.line or 0, "problem": each.reason})
        for each in bad[:SHOWN]
    ]
    return dg.AssetCheckResult(
        check_name=name,
        passed=complaint is None,
        severity=dg.AssetCheckSeverity.WARN,
        description=complaint,
        metadata={"bad": len(bad), **({"first": dg.MetadataValue.table(first)} if first else {})},
    )
