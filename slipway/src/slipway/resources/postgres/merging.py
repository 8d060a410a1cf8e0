"""Merge rows into a table on a key.

Belongs here: the comparison and the order of the steps. Does not belong here: how rows get into the
server (`staging`).

UPDATE and INSERT, and not MERGE or ON CONFLICT: counting what each did needs Postgres 17
(`merge_action()`) with MERGE and a look into system columns with ON CONFLICT, and neither leaves a
row alone that is the same already.
"""

# ruff: noqa: S608 - names go through `catalog.quoted`, values are bound

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.resources.postgres import catalog
from slipway.resources.postgres.catalog import close_to, quoted
from slipway.resources.postgres.errors import MissingRelationError, RefusedDataError
from slipway.resources.postgres.staging import STAGE, lock_table, stage_rows

if TYPE_CHECKING:
    from slipway.resources.postgres.catalog import Relation
    from slipway.resources.postgres.connection import Server, Session
    from slipway.resources.postgres.staging import Rows, Stage

_SHOWN = 5

# Partial and expression indexes do not make a column unique. indkey is an int2vector, which counts from 0.
_UNIQUE = """
SELECT 1 AS one FROM pg_index i
WHERE i.indrelid = CAST($1 AS bigint)::oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
  AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") FROM pg_attribute a
       WHERE a.attrelid = i.indrelid AND a.attnum = ANY((i.indkey::smallint[])[0:i.indnkeyatts - 1])) = $2
"""


@dataclass(frozen=True)
class MergedRows:
    """What became of the rows given; the three add up to their number."""

    inserted: int
    updated: int
    unchanged: int


def merge(server: "Server", table: str, rows: "Rows", key: Sequence[str]) -> MergedRows:
    """Bring `rows` into `table` by `key`, in one transaction; see `PostgresResource`."""
    if isinstance(key, str) or not key:
        raise ValueError(f"key is a list of columns, not {key!r}")
    with server.transaction() as session:
        target = catalog.relation(session, table)
        _require_unique(session, target, key)
        stage = stage_rows(session, target, rows)
        _require_distinct(session, target, stage, key)
        lock_table(session, target)
        updated = _update(session, target, stage, key)
        same = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in key)
        inserted = session.execute(
            f"INSERT INTO {target.sql} ({stage.columns}) SELECT {stage.columns} FROM {_moved(stage)} "
            f"WHERE NOT EXISTS (SELECT FROM {target.sql} t WHERE {same})"
        )
    return MergedRows(inserted, updated, stage.rows - inserted - updated)


def _update(session: "Session", target: "Relation", stage: "Stage", key: Sequence[str]) -> int:
    """Overwrite the rows that exist and differ; return how many."""
    values = [name for name in stage.moved if name not in key]
    if not values:
        return 0
    assignments = ", ".join(f"{quoted(name)} = s.{quoted(name)}" for name in values)
    same = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in key)
    differs = " OR ".join(_differs(target, name) for name in values)
    return session.execute(
        f"UPDATE {target.sql} t SET {assignments} FROM {_moved(stage)} WHERE {same} AND ({differs})"
    )


def _moved(stage: "Stage") -> str:
    columns = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in stage.moved.items())
    return f"(SELECT {columns} FROM {STAGE}) s"


def _differs(target: "Relation", name: str) -> str:
    column = quoted(name)
    # json, xml and the geometric types have no equality (categories U and G): their text has.
    cast = "::text" if target.columns[name].category in "UG" else ""
    return f"t.{column}{cast} IS DISTINCT FROM s.{column}{cast}"


def _require_unique(session: "Session", target: "Relation", key: Sequence[str]) -> None:
    for name in key:
        if name not in target.columns:
            raise MissingRelationError(
                f"table {target.name} has no column {name}{close_to(name, target.columns)}"
            )
    if session.fetch(_UNIQUE, (target.oid, sorted(key))).num_rows == 0:
        columns = ", ".join(quoted(name) for name in key)
        raise RefusedDataError(
            f"table {target.name} has no unique index on exactly {columns}, without which a merge could double "
            f"rows: ALTER TABLE {target.sql} ADD UNIQUE ({columns})"
        )


def _require_distinct(session: "Session", target: "Relation", stage: "Stage", key: Sequence[str]) -> None:
    """Raise RefusedDataError if a key is missing, NULL or given twice."""
    absent = [name for name in key if name not in stage.moved]
    if absent:
        raise RefusedDataError(f"the rows for {target.name} lack the key's columns {', '.join(absent)}")
    columns = ", ".join(quoted(name) for name in key)
    nulls = " OR ".join(f"{quoted(name)} IS NULL" for name in key)
    doubled = session.fetch(
        f"SELECT concat_ws(', ', {', '.join(f'{quoted(name)}::text' for name in key)}) AS key, count(*) AS n, "
        f"bool_or({nulls}) AS incomplete FROM {_moved(stage)} "
        f"GROUP BY {columns} HAVING count(*) > 1 OR bool_or({nulls}) ORDER BY 1 LIMIT {_SHOWN}"
    ).to_pylist()
    if any(row["incomplete"] for row in doubled):
        raise RefusedDataError(
            f"rows for {target.name} have NULL in the key ({columns}); nothing was written"
        )
    if doubled:
        shown = "; ".join(f"({row['key']}) {row['n']} times" for row in doubled)
        raise RefusedDataError(
            f"rows for {target.name} have the same key ({columns}) more than once: {shown}; nothing was written. "
            "Keep one row of each key first"
        )
