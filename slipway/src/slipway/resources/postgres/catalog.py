"""What tables and columns a database has, and the names that come close to one it has not.

Belongs here: reads of Postgres' catalog. Does not belong here: reads of the user's rows.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.resources.postgres.errors import MissingRelationError

if TYPE_CHECKING:
    from slipway.resources.postgres.connection import Session

_LISTED = 8
_UNKNOWN_TABLE = re.compile(r'relation "(?P<name>[^"]+)" does not exist')

# A domain counts as the type it is made of: for the driver it is that type.
_COLUMNS = """
SELECT a.attname, coalesce(b.typname, t.typname) AS typname, coalesce(b.typcategory, t.typcategory)::text AS category,
       CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END AS typmod,
       format_type(coalesce(b.oid, a.atttypid), CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END)
           AS base_type,
       format_type(a.atttypid, a.atttypmod) AS declared_type
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
WHERE a.attrelid = CAST($1 AS bigint)::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

_TABLES = """
SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Column:
    """One column of a table; `typname` is `int4`, `numeric`, ... and never that of a domain."""

    name: str
    typname: str
    category: str
    typmod: int
    base_type: str
    declared_type: str


@dataclass(frozen=True)
class Relation:
    """One table with its columns in order."""

    oid: int
    name: str
    columns: dict[str, Column]

    @property
    def sql(self) -> str:
        """The name, quoted."""
        return ".".join(quoted(part) for part in self.name.split(".", 1))


def quoted(identifier: str) -> str:
    """Return `identifier` as SQL takes it exactly, whatever characters it has."""
    return '"' + identifier.replace('"', '""') + '"'


def relation(session: "Session", table: str) -> Relation:
    """Return the table named `table` or `schema.table`, as it is written in the catalog.

    Raises:
        MissingRelationError: there is none; the message names those that come close.
    """
    found = _find(session, table)
    if found is None:
        raise MissingRelationError(
            f"{session.server.label} has no table {table}{close_to(table, _tables(session))}",
            database=session.server.label,
        )
    return found


def missing(session: "Session", required: Mapping[str, Collection[str]]) -> list[str]:
    """Return a line for each table and column of `required` that does not exist; empty if all do."""
    lines = []
    for table, columns in required.items():
        found = _find(session, table)
        if found is None:
            lines.append(f"table {table}{close_to(table, _tables(session))}")
            continue
        lines += [
            f"column {table}.{column}{close_to(column, found.columns)}"
            for column in columns
            if column not in found.columns
        ]
    return lines


def with_similar_table(session: "Session", error: MissingRelationError) -> MissingRelationError:
    """Return `error` with the tables whose names come close, if it is a table that is missing.

    For a column Postgres itself adds a hint. The failed transaction of `session` is rolled back.
    """
    found = _UNKNOWN_TABLE.search(error.description or "")
    if found is None:
        return error
    session.rollback()
    similar = close_to(found["name"], _tables(session))
    return MissingRelationError(
        (error.description or "").replace(found[0], found[0] + similar, 1),
        database=session.server.label,
        query=session.shown,
        sqlstate=error.sqlstate,
    )


def close_to(name: str, existing: Iterable[str]) -> str:
    """Return ` (similar: a, b)`, or what there is when nothing is similar."""
    names = list(existing)
    similar = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if similar:
        return f" (similar: {', '.join(similar)})"
    if not names:
        return " (it has none)"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f" (there are: {', '.join(names[:_LISTED])}{more})"


def _find(session: "Session", table: str) -> Relation | None:
    name = ".".join(quoted(part) for part in table.split(".", 1))
    oid = session.fetch("SELECT to_regclass($1)::oid::bigint AS oid", (name,))["oid"][0].as_py()
    if oid is None:
        return None
    rows = session.fetch(_COLUMNS, (oid,)).to_pylist()
    columns = [
        Column(r["attname"], r["typname"], r["category"], r["typmod"], r["base_type"], r["declared_type"])
        for r in rows
    ]
    return Relation(oid, table, {column.name: column for column in columns})


def _tables(session: "Session") -> list[str]:
    rows = session.fetch(_TABLES).to_pylist()
    return [r["name"] if r["schema"] == "public" else f"{r['schema']}.{r['name']}" for r in rows]
