"""Replace the rows of one partition of a table.

Belongs here: what a partition is in SQL, and the order of the steps. Does not belong here: how rows
get into the server (`staging`).
"""

# ruff: noqa: S608 - names go through `catalog.quoted`, values are bound

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.resources.postgres import catalog
from slipway.resources.postgres.catalog import close_to, quoted
from slipway.resources.postgres.errors import MissingRelationError, RefusedDataError
from slipway.resources.postgres.staging import STAGE, lock_table, stage_rows

if TYPE_CHECKING:
    from slipway.resources.postgres.catalog import Column, Relation
    from slipway.resources.postgres.connection import Server, Session
    from slipway.resources.postgres.staging import Rows, Stage

_SHOWN = 3


@dataclass(frozen=True)
class ReplacedPartition:
    """How many rows the partition had before, and has now."""

    deleted: int
    inserted: int


@dataclass(frozen=True)
class Partition:
    """The rows in which `column` is in [lower, upper), or equals `equals`."""

    column: str
    lower: Any = None
    upper: Any = None
    equals: Any = None

    def __post_init__(self) -> None:
        window = self.lower is not None and self.upper is not None
        if window == (self.equals is not None) or (self.lower is None) != (self.upper is None):
            raise ValueError(f"a partition of {self.column} is given by lower and upper, or by equals")
        if window and not self.lower < self.upper:
            raise ValueError(
                f"a partition of {self.column} is [lower, upper): {self.lower} is not below {self.upper}"
            )

    def __str__(self) -> str:
        if self.equals is not None:
            return f"{self.column} = {self.equals}"
        return f"{self.lower} <= {self.column} < {self.upper}"

    def predicate(self, expression: str, column: "Column") -> tuple[str, tuple[Any, ...]]:
        """Return the condition on `expression`, with its values; never NULL."""
        kind = f"CAST({{}} AS {column.base_type})" if column.typname != "timestamptz" else "{}"
        bounds = (self.equals,) if self.equals is not None else (self.lower, self.upper)
        values = tuple(_bound(value, column) for value in bounds)
        if self.equals is not None:
            return f"{expression} IS NOT DISTINCT FROM {kind.format('$1')}", values
        low, high = kind.format("$1"), kind.format("$2")
        return f"({expression} >= {low} AND {expression} < {high} AND {expression} IS NOT NULL)", values


def replace_partition(server: "Server", table: str, rows: "Rows", partition: Partition) -> ReplacedPartition:
    """Put `rows` in the place of the rows of `partition`, in one transaction; see `PostgresResource`."""
    with server.transaction() as session:
        target = catalog.relation(session, table)
        column = target.columns.get(partition.column)
        if column is None:
            similar = close_to(partition.column, target.columns)
            raise MissingRelationError(f"table {table} has no column {partition.column}{similar}")
        stage = stage_rows(session, target, rows)
        _refuse_strangers(session, target, stage, partition)
        lock_table(session, target)
        condition, values = partition.predicate(quoted(column.name), column)
        gone = f"WITH gone AS (DELETE FROM {target.sql} WHERE {condition} RETURNING 1) SELECT count(*) AS n FROM gone"
        deleted = session.fetch(gone, values)["n"][0].as_py()
        inserted = session.execute(
            f"INSERT INTO {target.sql} ({stage.columns}) SELECT {stage.values} FROM {STAGE}"
        )
    return ReplacedPartition(deleted, inserted)


def _refuse_strangers(session: "Session", target: "Relation", stage: "Stage", partition: Partition) -> None:
    """Raise RefusedDataError if staged rows are not of the partition."""
    if partition.column not in stage.moved:
        raise RefusedDataError(f"the rows for {target.name} lack the partition's column {partition.column}")
    expression = stage.moved[partition.column]
    condition, values = partition.predicate(expression, target.columns[partition.column])
    outside = session.fetch(
        f"SELECT count(*) AS n, (array_agg(DISTINCT coalesce({expression}::text, 'NULL')))[:{_SHOWN}] AS examples "
        f"FROM {STAGE} WHERE NOT {condition}",
        values,
    ).to_pylist()[0]
    if outside["n"]:
        raise RefusedDataError(
            f"{outside['n']} of {stage.rows} rows for {target.name} are outside of the partition {partition}, "
            f"such as {', '.join(outside['examples'])}; nothing was written"
        )


def _bound(value: Any, column: "Column") -> Any:
    """Return a bound as the column's type needs it.

    For a date column, the bound of a day in a time zone is that zone's date: as a moment in UTC it would
    let in the next day west of Greenwich.
    """
    if column.typname == "date" and isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise ValueError(f"{value} is no bound for the date column {column.name}: it is not midnight")
        return value.date()
    return value
