"""Put a history into a database, all of it or nothing.

Belongs here: tables, COPY, the transaction. Does not belong here: what the rows are (`history.py`).
"""

import io
from collections.abc import Callable

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from orders.demo.history import PIECE, History
from orders.schema import CUSTOMERS, ORDER_LINES, ORDERS, SOURCE, Table

MARK = "Slipway demo data"
"""Begins the comment of every table this module creates: `replace` drops no other."""

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
        psycopg.Error: the database can't be reached, or refuses.
    """
    with psycopg.connect(url, application_name="slipway demo", connect_timeout=10) as connection:
        connection.execute(_LOCK)
        for table in SOURCE:
            _make_way(connection, table, replace=replace)
        for table in reversed(SOURCE):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_name(table)))
        for table in SOURCE:
            _create(connection, table, history)
        _fill(connection, history, say)
        say("indexes")
        for table in SOURCE:
            _index(connection, table)
    say(f"orders {history.orders:,} of {history.orders:,}, done")


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name)


def _make_way(connection: psycopg.Connection, table: Table, *, replace: bool) -> None:
    """Fail unless there is no such table, or it may be dropped."""
    found = connection.execute(
        "SELECT coalesce(obj_description(to_regclass(%(name)s), 'pg_class'), '') "
        "WHERE to_regclass(%(name)s) IS NOT NULL",
        {"name": f'"{table.name}"'},
    ).fetchone()
    if found is None:
        return
    (comment,) = found
    if not comment.startswith(MARK):
        raise TablesInTheWayError(
            f"table {table.name} exists and was not made by a load of the demo; it is left as it is. "
            "Give the demo a database of its own."
        )
    full = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table))).fetchone()
    if full == (True,) and not replace:
        raise TablesInTheWayError(
            f"table {table.name} holds rows already; --replace drops and loads it anew."
        )


def _create(connection: psycopg.Connection, table: Table, history: History) -> None:
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.sql_type),
            sql.SQL("" if column.nullable else " NOT NULL"),
        )
        for column in table.columns
    ]
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(_name(table), sql.SQL(", ").join(columns)))
    mark = f"{MARK}: {history.orders} orders until {history.until}, seed {history.seed}. {table.description}"
    _comment(connection, sql.SQL("TABLE {}").format(_name(table)), mark)
    for column in table.columns:
        what = sql.SQL("COLUMN {}.{}").format(_name(table), sql.Identifier(column.name))
        _comment(connection, what, column.description)


def _comment(connection: psycopg.Connection, what: sql.Composed, text: str) -> None:
    connection.execute(sql.SQL("COMMENT ON {} IS {}").format(what, sql.Literal(text)))


def _fill(connection: psycopg.Connection, history: History, say: Callable[[str], None]) -> None:
    say(f"customers {history.customers:,}")
    for rows in history.customer_pieces():
        _copy(connection, CUSTOMERS, rows)
    said = 0
    for piece in history.pieces():
        _copy(connection, ORDERS, piece.orders)
        _copy(connection, ORDER_LINES, piece.lines)
        if piece.done - said >= max(PIECE, history.orders // _PROGRESS_LINES):
            say(f"orders {piece.done:,} of {history.orders:,}")
            said = piece.done


def _copy(connection: psycopg.Connection, table: Table, rows: pa.Table) -> None:
    """Append `rows` by COPY. As CSV, which Arrow writes ten times as fast as rows pass through Python."""
    buffer = io.BytesIO()
    ordered = rows.select([column.name for column in table.columns])
    pa.csv.write_csv(ordered, buffer, pa.csv.WriteOptions(include_header=False))
    command = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(_name(table))
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.write(buffer.getbuffer())


def _index(connection: psycopg.Connection, table: Table) -> None:
    """Add keys, indexes and statistics; after the rows, which is faster than with them."""
    key = _columns(table.primary_key)
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(_name(table), key))
    for columns in table.indexes:
        connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(_name(table), _columns(columns)))
    if table is ORDERS:
        connection.execute(
            sql.SQL("ALTER TABLE {} ADD FOREIGN KEY (customer_id) REFERENCES {}").format(
                _name(table), _name(CUSTOMERS)
            )
        )
    connection.execute(sql.SQL("ANALYZE {}").format(_name(table)))


def _columns(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
