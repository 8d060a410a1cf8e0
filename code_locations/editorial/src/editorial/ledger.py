"""What of the downloads is in the warehouse: which version of each file, with how many rows, and what was rejected.

Two tables of schema `raw`, beside those of the publishers:

- `loaded_files`: publisher, table_name, name (key), version, landed_at, loaded_at, rows, rejected, refused (why the
  file could not be read, or null), run_id.
- `rejected_lines`: publisher, name, source_row, reason, text: the first of each file, in its present version.

Belongs here: turns of loads, and what they leave behind. Does not belong here: reading files, and the loading itself.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from editorial.downloads import Download
from editorial.publishers import ALL, Publisher
from editorial.publishers.journal import Entry

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from slipway.resources import PostgresResource

# Advisory locks of the warehouse's database have two numbers. Ours by the first one; the second of _TURN is the
# publisher's place in `publishers.ALL`.
_CREATION = 7_263_001
_TURN = 7_263_002

_TABLES = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE IF NOT EXISTS raw.loaded_files (
    publisher text NOT NULL, table_name text NOT NULL, name text PRIMARY KEY, version text NOT NULL,
    landed_at timestamptz NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now(), rows bigint NOT NULL,
    rejected bigint NOT NULL, refused text, run_id text NOT NULL);
CREATE TABLE IF NOT EXISTS raw.rejected_lines (
    publisher text NOT NULL, name text NOT NULL, source_row bigint NOT NULL, reason text NOT NULL,
    text text NOT NULL);
"""
# What dlt creates once for all that loads into schema `raw`.
_OF_DLT = ["raw._dlt_version", "raw._dlt_loads", "raw._dlt_pipeline_state", "raw_staging._dlt_version"]


_RECORD = """
INSERT INTO raw.loaded_files AS file
    (publisher, table_name, name, version, landed_at, rows, rejected, refused, run_id)
VALUES (:publisher, :table_name, :name, :version, :landed_at, :rows, :rejected, :refused, :run_id)
ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version, landed_at = EXCLUDED.landed_at, loaded_at = now(),
    rows = CASE WHEN EXCLUDED.refused IS NULL THEN EXCLUDED.rows ELSE file.rows END,
    rejected = EXCLUDED.rejected, refused = EXCLUDED.refused, run_id = EXCLUDED.run_id
"""


class Turn:
    """A publisher's turn to load: while it lasts, nobody else loads for this publisher."""

    def __init__(self, engine: "Engine", publisher: Publisher, run_id: str) -> None:
        self._engine = engine
        self._publisher = publisher
        self._run_id = run_id

    def changed(self, downloads: Iterable[Download]) -> list[Download]:
        """Return the files of `downloads` that are not loaded in the version that they have."""
        with self._engine.begin() as connection:
            rows = _execute(connection, "SELECT name, version FROM raw.loaded_files").all()
        known = {row.name: row.version for row in rows}
        return [file for file in downloads if known.get(file.name) != file.version]

    def has_tables(self) -> bool:
        """Whether the publisher's tables exist already."""
        with self._engine.begin() as connection:
            return _exist(connection, [f"raw.{table.name}" for table in self._publisher.tables])

    def record(self, entries: Iterable[Entry]) -> None:
        """Write down what was loaded, after it was: cut off before, the same files are loaded once more.

        A file that was read and has no row any more loses its old ones here, as loading replaces only what it
        brings rows for. One that could not be read keeps them.
        """
        with self._engine.begin() as connection:
            for entry in entries:
                self._record(connection, entry)

    def _record(self, connection: "Connection", entry: Entry) -> None:
        file, publisher = entry.download, self._publisher.name
        if not entry.rows and not entry.refused:
            _execute(connection, f"DELETE FROM raw.{file.table} WHERE source_file = :name", name=file.name)  # noqa: S608 - one of our tables
        _execute(connection, "DELETE FROM raw.rejected_lines WHERE name = :name", name=file.name)
        for line in entry.kept:
            values = {"row": line.row, "reason": line.reason, "text": line.text}
            insert = "INSERT INTO raw.rejected_lines VALUES (:publisher, :name, :row, :reason, :text)"
            _execute(connection, insert, publisher=publisher, name=file.name, **values)
        _execute(
            connection,
            _RECORD,
            publisher=publisher,
            table_name=file.table,
            name=file.name,
            version=file.version,
            landed_at=file.landed_at,
            rows=entry.rows,
            rejected=entry.rejected,
            refused=entry.refused,
            run_id=self._run_id,
        )


@contextmanager
def turn(warehouse: "PostgresResource", publisher: Publisher, run_id: str) -> Iterator[Turn]:
    """Wait for the publisher's turn, and keep it while the block lasts, or until the process dies.

    Two loads of one publisher would write the same tables, of dlt's staging too. Loads of different publishers go
    at the same time, but for the first one of a warehouse: what dlt creates in it is created by
    `CREATE ... IF NOT EXISTS`, which fails when two sessions do it at once. The locks are the database's own, so
    they hold between machines; they need a connection for themselves (no pgbouncer in transaction mode).
    """
    with warehouse.engine() as engine, engine.connect() as waiting:
        connection = waiting.execution_options(isolation_level="AUTOCOMMIT")
        number = ALL.index(publisher)
        _execute(connection, "SELECT pg_advisory_lock(:kind, :number)", kind=_TURN, number=number)
        _execute(connection, "SELECT pg_advisory_lock(:kind, 0)", kind=_CREATION)
        connection.exec_driver_sql(_TABLES)
        if _exist(connection, _OF_DLT):
            _execute(connection, "SELECT pg_advisory_unlock(:kind, 0)", kind=_CREATION)
        # Closing the connection gives back what it holds.
        yield Turn(engine, publisher, run_id)


def loaded_files(warehouse: "PostgresResource", publisher: Publisher) -> list[dict[str, Any]]:
    """Return the publisher's files in the warehouse, by name, with the columns of `raw.loaded_files`."""
    query = "SELECT * FROM raw.loaded_files WHERE publisher = :publisher ORDER BY name"
    with warehouse.engine() as engine, engine.begin() as connection:
        if not _exist(connection, ["raw.loaded_files"]):
            return []
        return [dict(row) for row in _execute(connection, query, publisher=publisher.name).mappings()]


def rejected_lines(
    warehouse: "PostgresResource", publisher: Publisher, limit: int = 10
) -> list[dict[str, Any]]:
    """Return the publisher's first rejected lines: name, source_row, reason and text."""
    query = (
        "SELECT name, source_row, reason, text FROM raw.rejected_lines WHERE publisher = :publisher"
        " ORDER BY name, source_row LIMIT :limit"
    )
    with warehouse.engine() as engine, engine.begin() as connection:
        if not _exist(connection, ["raw.rejected_lines"]):
            return []
        rows = _execute(connection, query, publisher=publisher.name, limit=limit)
        return [dict(row) for row in rows.mappings()]


def _exist(connection: "Connection", relations: Collection[str]) -> bool:
    query = "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(CAST(:names AS text[])) AS name"
    return bool(_execute(connection, query, names=list(relations)).scalar())


def _execute(connection: "Connection", query: str, **values: Any) -> Any:
    from sqlalchemy import text  # noqa: PLC0415 - 0.2 s that loading definitions must not pay

    return connection.execute(text(query), values)
