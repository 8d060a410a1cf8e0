"""Put a history into a database, all of it or nothing.

Belongs here: tables, COPY, the transaction. Does not belong here: what the rows are (`history.py`).
"""

import io
from collections.abc import Callable
from contextlib import closing

import psycopg2
import psycopg2.extensions
import pyarrow as pa
import pyarrow.csv
from psycopg2 import sql

from orders.demo.history import PIECE, History
from orders.schema import CUSTOMERS, ORDER_LINES, ORDERS, SOURCE, Table

MARK = "Slipway demo data"
"""Begins the comment of every table this module creates: `replace` drops no other."""

Cursor = psycopg2.extensions.cursor
_PROGRESS_LINES = 50
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('slipway demo data'))"


class TablesInTheWayError(RuntimeError):
    """The database has rows, or tables, that are not to be touched."""


def load(url: str, history: History, *, replace: bool, say: Callable[[str], None]) -> None:
    """Create the tables of `schema.SOURCE` in the database at `url` and fill them with `history`.

    One transaction: others see nothing of it before all is there, and nothing is left of a load that
    fails. Empty tables are dropped first; with `replace`, those of an earlier load too. A piece of the
    history at a time is in memory. `say` is given a line of progress now and then.

    Raises:
        TablesInTheWayError: tables of these names hold rows (without `replace`), or were not made by a
            load (with it, or empty).
        psycopg2.Error: the database can't be reached, or refuses.
    """
    opened = psycopg2.connect(url, application_name="slipway demo", connect_timeout=10)
    with closing(opened), opened, opened.cursor() as cursor:
        cursor.execute(_LOCK)
        for table in SOURCE:
            _make_way(cursor, table, replace=replace)
        for table in reversed(SOURCE):
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_name(table)))
        for table in SOURCE:
            _create(cursor, table, history)
        _fill(cursor, history, say)
        say("indexes")
        for table in SOURCE:
            _index(cursor, table)
    say(f"orders {history.orders:,} of {history.orders:,}, done")


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name)


def _make_way(cursor: Cursor, table: Table, *, replace: bool) -> None:
    """Fail unless there is no such table, or it may be dropped."""
    cursor.execute(
        "SELECT coalesce(obj_description(to_regclass(%(name)s), 'pg_class'), '') "
        "WHERE to_regclass(%(name)s) IS NOT NULL",
        {"name": f'"{table.name}"'},
    )
    found = cursor.fetchone()
    if found is None:
        return
    (comment,) = found
    if not comment.startswith(MARK):
        raise TablesInTheWayError(
            f"table {table.name} exists and was not made by a load of the demo; it is left as it is. "
            "Give the demo a database of its own."
        )
    cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table)))
    if cursor.fetchone() == (True,) and not replace:
        raise TablesInTheWayError(
            f"table {table.name} holds rows already; --replace drops and loads it anew."
        )


def _create(cursor: Cursor, table: Table, history: History) -> None:
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.sql_type),
            sql.SQL("" if column.nullable else " NOT NULL"),
        )
        for column in table.columns
    ]
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(_name(table), sql.SQL(", ").join(columns)))
    mark = f"{MARK}: {history.orders} orders until {history.until}, seed {history.seed}. {table.description}"
    _comment(cursor, sql.SQL("TABLE {}").format(_name(table)), mark)
    for column in table.columns:
        what = sql.SQL("COLUMN {}.{}").format(_name(table), sql.Identifier(column.name))
        _comment(cursor, what, column.description)


def _comment(cursor: Cursor, what: sql.Composed, text: str) -> None:
    cursor.execute(sql.SQL("COMMENT ON {} IS {}").format(what, sql.Literal(text)))


def _fill(cursor: Cursor, history: History, say: Callable[[str], None]) -> None:
    say(f"customers {history.customers:,}")
    for rows in history.customer_pieces():
        _copy(cursor, CUSTOMERS, rows)
    said = 0
    for piece in history.pieces():
        _copy(cursor, ORDERS, piece.orders)
        _copy(cursor, ORDER_LINES, piece.lines)
        if piece.done - said >= max(PIECE, history.orders // _PROGRESS_LINES):
            say(f"orders {piece.done:,} of {history.orders:,}")
            said = piece.done


def _copy(cursor: Cursor, table: Table, rows: pa.Table) -> None:
    """Append `rows` by COPY. As CSV, which Arrow writes ten times as fast as rows pass through Python."""
    buffer = io.BytesIO()
    ordered = rows.select([column.name for column in table.columns])
    pa.csv.write_csv(ordered, buffer, pa.csv.WriteOptions(include_header=False))
    command = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(_name(table))
    buffer.seek(0)
    cursor.copy_expert(command, buffer)


def _index(cursor: Cursor, table: Table) -> None:
    """Add keys, indexes and statistics; after the rows, which is faster than with them."""
    key = _columns(table.primary_key)
    cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(_name(table), key))
    for columns in table.indexes:
        cursor.execute(sql.SQL("CREATE INDEX ON {} ({})").format(_name(table), _columns(columns)))
    if table is ORDERS:
        cursor.execute(
            sql.SQL("ALTER TABLE {} ADD FOREIGN KEY (customer_id) REFERENCES {}").format(
                _name(table), _name(CUSTOMERS)
            )
        )
    cursor.execute(sql.SQL("ANALYZE {}").format(_name(table)))


def _columns(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
