"""Find the rows that break a contract.

Evaluated by pyarrow itself and not by pandera, which was tried (0.35.0 with pandas 3.1 and polars 2.1) and is
exact on Arrow's decimals too, but: it wants the whole frame in pandas or polars, while assets here are Arrow
and may be streams; it lists every failing value (130,000 rows of failures for one wrong limit on 300,000 rows)
where ten are shown; a failure has the number of a row and not its key; and importing it with pandas
costs 1.9 CPU-seconds in every run, with polars 3.3 and 170 MB in every image, where pyarrow.compute costs 0.05.
(`dagster-pandera` holds pandas at 2.)

Memory beyond the frame: a batch, and the columns of unique keys. Does not belong here: Dagster.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from slipway.columns import Column
from slipway.contracts.contract import Contract
from slipway.contracts.types import same_type

SHOWN = 10
"""Bad rows that are kept of each rule."""
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class BadRow:
    """One row that breaks a rule: its number (from 0), the value, and its key as `name=value`."""

    number: int
    value: str
    key: str


@dataclass
class Violation:
    """One rule that does not hold: of which column (or columns), in how many rows, and the first of them.

    `rows` is None where the rule is about the whole frame (a column that is missing, the number of rows).
    """

    column: str
    rule: str
    found: str = ""
    rows: int | None = None
    first: list[BadRow] = field(default_factory=list)

    def __str__(self) -> str:
        where = f"column {self.column}, " if self.column else ""
        if self.rows is None:
            return f"{where}{self.rule}: {self.found}"
        row = self.first[0]
        key = f" ({row.key})" if row.key else ""
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{where}{self.rule}: {rows}, the first is row {row.number}{key}: {row.value}"


class Evaluation:
    """The evaluation of one frame, batch by batch."""

    def __init__(self, contract: Contract, schema: pa.Schema) -> None:
        self._contract = contract
        self._found = {(each.column, each.rule): each for each in _of_schema(contract, schema)}
        wrong = {each.column for each in self._found.values()}
        self._columns = [column for column in contract.columns if column.name not in wrong]
        self._keys = [key for key in contract.unique if not wrong.intersection(key)]
        self._kept: list[pa.RecordBatch] = []
        self._identity = self._keys[0] if self._keys else ()
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Evaluate further rows."""
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            for column in self._columns:
                for rule, mask in _broken(column, batch.column(column.name)):
                    self._count(column.name, rule, batch, mask)
            if self._keys:
                names = list(dict.fromkeys(name for key in self._keys for name in key))
                self._kept.append(batch.select(names))
            self.rows += batch.num_rows

    def violations(self) -> list[Violation]:
        """Return all rules that do not hold, now that every row has been added."""
        for key in self._keys:
            self._find_duplicates(key)
        least, greatest = self._contract.minimum_rows, self._contract.maximum_rows
        if least is not None and self.rows < least:
            self._found["", "rows"] = Violation("", f"row count at least {least}", f"it is {self.rows}")
        if greatest is not None and self.rows > greatest:
            self._found["", "rows"] = Violation("", f"row count at most {greatest}", f"it is {self.rows}")
        return list(self._found.values())

    def _count(self, column: str, rule: str, batch: pa.RecordBatch, mask: Any) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415 - a code server never evaluates

        positions = pc.indices_nonzero(mask)
        if not len(positions):
            return
        violation = self._found.setdefault((column, rule), Violation(column, rule, rows=0))
        violation.rows = (violation.rows or 0) + len(positions)
        for position in positions[: SHOWN - len(violation.first)].to_pylist():
            key = _key(batch, self._identity, position)
            value = _said(batch.column(column)[position])
            violation.first.append(BadRow(self.rows + position, value, key))

    def _find_duplicates(self, key: tuple[str, ...]) -> None:
        """Group the rows by key; of every group but its first row is one too many. Nulls are values here."""
        if not self._kept:
            return
        table = pa.Table.from_batches(self._kept).select(list(key))
        if table.group_by(list(key)).aggregate([]).num_rows == table.num_rows:
            return
        numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
        groups = numbered.group_by(list(key), use_threads=False).aggregate(
            [("row", "count"), ("row", "min"), ("row", "max")]
        )
        import pyarrow.compute as pc  # noqa: PLC0415

        several = groups.filter(pc.greater(groups.column("row_count"), pa.scalar(1))).sort_by("row_min")
        violation = Violation(
            ", ".join(key), "unique", rows=pc.sum(several.column("row_count")).as_py() - several.num_rows
        )
        for group in several.slice(0, SHOWN).to_pylist():
            said = f"{group['row_count']} times, first in row {group['row_min']}"
            named = ", ".join(f"{name}={_text(group[name])}" for name in key)
            violation.first.append(BadRow(group["row_max"], said, named))
        self._found[violation.column, "unique"] = violation


def evaluate(contract: Contract, schema: pa.Schema, tables: Iterable[pa.Table]) -> list[Violation]:
    """Return what in the frame of `schema`, which comes as `tables`, breaks the contract."""
    evaluation = Evaluation(contract, schema)
    for table in tables:
        evaluation.add(table)
    return evaluation.violations()


def _of_schema(contract: Contract, schema: pa.Schema) -> Iterator[Violation]:
    for column in contract.columns:
        index = schema.get_field_index(column.name)
        if index < 0:
            yield Violation(column.name, "present", "the frame does not have it")
        elif not same_type(schema.field(index).type, column.type):
            yield Violation(column.name, f"type {column.type}", f"it is {schema.field(index).type}")
    for name in schema.names:
        if contract.column(name) is None:
            yield Violation(name, "declared", "the contract does not have it")


def _broken(column: Column, values: "pa.Array[Any]") -> Iterator[tuple[str, Any]]:
    """Yield each rule of the column with a mask of the values that break it."""
    import pyarrow.compute as pc  # noqa: PLC0415

    if not column.nullable and values.null_count:
        yield "not null", pc.is_null(values)
    floating = pa.types.is_floating(values.type)
    if column.minimum is not None:
        mask = pc.less(values, pa.scalar(column.minimum, values.type))
        yield f"minimum {column.minimum}", pc.or_(mask, pc.is_nan(values)) if floating else mask
    if column.maximum is not None:
        mask = pc.greater(values, pa.scalar(column.maximum, values.type))
        yield f"maximum {column.maximum}", pc.or_(mask, pc.is_nan(values)) if floating else mask
    if column.allowed is not None:
        known = pc.is_in(values, value_set=pa.array(list(column.allowed), values.type))
        yield f"one of {', '.join(map(str, column.allowed))}", pc.and_(pc.is_valid(values), pc.invert(known))
    if column.pattern is not None:
        yield f"pattern {column.pattern}", pc.invert(pc.match_substring_regex(values, column.pattern))


def _key(batch: pa.RecordBatch, names: tuple[str, ...], position: int) -> str:
    return ", ".join(f"{name}={_said(batch.column(name)[position])}" for name in names)


def _said(value: "pa.Scalar[Any]") -> str:
    return _text(value.as_py())


def _text(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 100 else text[:100] + "..."  # noqa: PLR2004 - a cell of a table
