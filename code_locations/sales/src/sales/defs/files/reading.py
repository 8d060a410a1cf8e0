"""From files to rows: what can be read, and what can't by name.

Belongs here: pure functions of files; which rows are good is decided here and nowhere else. Does not
belong here: which files there are, Dagster.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sales.columns import ROWS, TOTALS
from slipway.columns import arrow_schema

NAMES = [column.name for column in ROWS]


@dataclass(frozen=True)
class Problem:
    """Why a file, or a line of it, was left out. The header is line 1; `line` is None for a whole file."""

    file: str
    line: int | None
    reason: str


@dataclass(frozen=True)
class Reading:
    """The good rows of all files, with the columns ROWS by day and sale_id, and what was left out.

    `repeated` is the number of rows that a later one with the same sale_id took the place of.
    """

    rows: pa.Table
    problems: tuple[Problem, ...]
    repeated: int


def read_files(files: Iterable[Path]) -> Reading:
    """Return the rows of `files`; a bad file or row is left out and named, the others go on.

    Of rows with the same sale_id the last counts, files in their order: a file can correct an earlier one.
    """
    tables, problems = [arrow_schema(ROWS).empty_table()], []
    for file in files:
        try:
            rows, found = _read(file)
        # Of an encoding that is not UTF-8 in the header pyarrow says so with a UnicodeDecodeError.
        except (pa.ArrowInvalid, ValueError, OSError) as error:
            problems.append(Problem(file.name, None, _first_line(error)))
            continue
        tables.append(rows)
        problems += found
    everything = pa.concat_tables(tables)
    newest = _last_of_each(everything)
    return Reading(newest, tuple(problems), everything.num_rows - newest.num_rows)


def totals(sales: pa.Table) -> pa.Table:
    """Return the columns TOTALS of rows with the columns ROWS, by country."""
    # One thread: the groups come in the same order every time.
    grouped = sales.group_by("country", use_threads=False).aggregate(
        [([], "count_all"), ("amount_eur", "sum"), ("day", "min"), ("day", "max")]
    )
    schema = arrow_schema(TOTALS)
    return grouped.rename_columns(schema.names).sort_by("country").cast(schema)


def _read(file: Path) -> tuple[pa.Table, list[Problem]]:
    """Return a file's good rows and the problems of the others.

    Raises:
        ValueError: the file can't be read at all, or lacks a column.
    """
    crooked: list[csv.InvalidRow] = []

    def leave_out(row: csv.InvalidRow) -> str:
        crooked.append(row)
        return "skip"

    text = csv.read_csv(
        file,
        # One thread: else the numbers of the lines are not known.
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=leave_out),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(NAMES, pa.string())),
    )
    lacking = [name for name in NAMES if name not in text.column_names]
    if lacking:
        raise ValueError(f"lacks {', '.join(lacking)}; it has {', '.join(text.column_names)}")
    skipped = {row.number for row in crooked}
    problems = [
        Problem(file.name, row.number, f"{row.actual_columns} cells in place of {row.expected_columns}")
        for row in crooked
    ]
    lines = [line for line in range(2, 2 + text.num_rows + len(skipped)) if line not in skipped]
    rows, reasons = _typed(text)
    problems += [
        Problem(file.name, line, reason) for line, reason in zip(lines, reasons, strict=True) if reason
    ]
    return rows, sorted(problems, key=lambda problem: problem.line or 0)


def _typed(text: pa.Table) -> tuple[pa.Table, list[str | None]]:
    """Return the good rows, typed, and for every row why it is none (None for a good one)."""
    plain = {name: pc.utf8_trim_whitespace(text.column(name).combine_chunks()) for name in NAMES}
    plain["country"] = pc.utf8_upper(plain["country"])
    days = pc.strptime(plain["day"], format="%Y-%m-%d", unit="s", error_is_null=True)
    rules = {
        "sale_id": pc.greater(pc.utf8_length(plain["sale_id"]), 0),
        # The 30th of February is read as the 2nd of March, and does not give back what was read.
        "day": pc.equal(pc.strftime(days, format="%Y-%m-%d"), plain["day"]),
        "country": pc.match_substring_regex(plain["country"], "^[A-Z]{2}$"),
        "amount_eur": pc.match_substring_regex(plain["amount_eur"], r"^[+-]?\d{1,15}(\.\d{1,2})?$"),
    }
    good = pa.array([True] * text.num_rows, pa.bool_())
    reasons: pa.Array = pa.nulls(text.num_rows, pa.string())
    for name, rule in rules.items():
        holds = pc.fill_null(rule, fill_value=False)
        shown = pc.utf8_slice_codeunits(pc.fill_null(plain[name], fill_value=""), 0, 30)
        reason = pc.binary_join_element_wise(f"{name} is '", shown, "'", "")
        reasons = pc.if_else(pc.and_(good, pc.invert(holds)), reason, reasons)
        good = pc.and_(good, holds)
    plain["day"] = pc.cast(days, pa.date32())
    return pa.table(plain).filter(good).cast(arrow_schema(ROWS)), reasons.to_pylist()


def _last_of_each(rows: pa.Table) -> pa.Table:
    numbered = rows.append_column("number", pa.array(range(rows.num_rows), pa.int64()))
    last = numbered.group_by("sale_id", use_threads=False).aggregate([("number", "max")])
    return rows.take(last.column("number_max")).sort_by([("day", "ascending"), ("sale_id", "ascending")])


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
