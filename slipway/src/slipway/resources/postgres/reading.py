"""Read a query as a stream of Arrow record batches, with bounded memory.

Belongs here: the cursor, and how many rows are asked for at a time. Does not belong here: types
(`arrow_types`), parameters (`binding`).

A server-side cursor and FETCH, and not the driver's COPY: COPY takes no parameters, for which the
driver falls back to holding the whole result (measured: +322 MB for 85 MB of rows, against +30 MB
here), and the statement timeout would count the time the consumer takes. It costs 1.4 times COPY's
time where the consumer does nothing, and Postgres plans no parallel workers for a cursor.
"""

import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from slipway.resources.postgres import catalog
from slipway.resources.postgres.arrow_types import converted_batch, converted_schema, foreign_type_names
from slipway.resources.postgres.errors import MissingRelationError, RefusedDataError, shortened

if TYPE_CHECKING:
    import pyarrow as pa

    from slipway.resources.postgres.connection import Server, Session

CHUNK_BYTES = 4 * 1024 * 1024
"""Arrow bytes per batch that are aimed at. Peak memory of a read is about seven times this (measured, seven columns)."""

_FIRST_ROWS = 500
_MOST_ROWS = 1_000_000
_GROWTH = 8


def open_reader(
    server: "Server", query: str, values: Sequence[Any], chunk_bytes: int = CHUNK_BYTES
) -> "pa.RecordBatchReader":
    """Start `query` in a read-only transaction of its own and return its rows as a stream.

    Batches hold about `chunk_bytes`; the first has at most 500 rows, from whose width the next are
    sized. The connection is closed after the last batch, on an error, or when the reader is dropped.

    Raises:
        PostgresError: as in `errors`; while the stream is read, too.
    """
    import pyarrow as pa  # noqa: PLC0415

    session = server.begin(read_only=True)
    session.shown = query
    try:
        # A cursor is planned for its first rows unless told that all of them are wanted.
        session.execute("SELECT set_config('cursor_tuple_fraction', '1', true)")
        session.execute(f"DECLARE slipway_rows NO SCROLL CURSOR FOR\n{query}", values)
        batches = _Batches(session, chunk_bytes)
    except MissingRelationError as error:
        with closing(session):
            raise catalog.with_similar_table(session, error) from None
    except BaseException:
        session.close()
        raise
    return pa.RecordBatchReader.from_batches(batches.schema, batches)


class _Batches:
    """The batches of the open cursor `slipway_rows`.

    An object and not a generator: a generator that was never started runs no `finally`, and its
    connection would stay open.
    """

    def __init__(self, session: "Session", chunk_bytes: int) -> None:
        self._session = session
        self._chunk_bytes = chunk_bytes
        self._asked = _FIRST_ROWS
        self._close = weakref.finalize(self, session.close)
        first = self._fetch()
        with self._named():
            self.schema = converted_schema(first.schema, _textual(session, foreign_type_names(first.schema)))
        self._next: pa.Table | None = first

    def __iter__(self) -> Iterator["pa.RecordBatch"]:
        return self

    def __next__(self) -> "pa.RecordBatch":
        try:
            rows = self._next if self._next is not None else self._fetch()
            self._next = None
            if rows.num_rows == 0:
                raise StopIteration  # noqa: TRY301 - the connection is closed below in every case
            with self._named():
                batch = converted_batch(rows.combine_chunks().to_batches()[0], self.schema)
        except BaseException:
            self._close()
            raise
        self._size_next(rows)
        return batch

    def _fetch(self) -> "pa.Table":
        return self._session.fetch(f"FETCH {self._asked} FROM slipway_rows")

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Add the query to what is said of its columns."""
        try:
            yield
        except RefusedDataError as error:
            query = self._session.shown
            raise RefusedDataError(
                f"{error.description} [query: {shortened(query)}]",
                database=self._session.server.label,
                query=query,
            ) from None

    def _size_next(self, rows: "pa.Table") -> None:
        """Ask for what fills a chunk at the width of the last rows; grow slowly, wide rows may follow."""
        width = max(1, rows.nbytes // rows.num_rows)
        wanted = min(self._chunk_bytes // width, self._asked * _GROWTH, _MOST_ROWS)
        self._asked = max(1, wanted)


def _textual(session: "Session", names: Sequence[str]) -> set[str]:
    """Return those of the driver's type names whose binary form is text: enums, and types like citext.

    The driver calls a type it does not know `unnamed<oid:16405>`.
    """
    oids = {name: name.removeprefix("unnamed<oid:").removesuffix(">") for name in names if "<oid:" in name}
    if not oids:
        return set()
    found = session.fetch(
        "SELECT oid::text AS oid FROM pg_type WHERE oid::text = ANY($1) AND (typtype = 'e' OR typcategory = 'S')",
        (list(oids.values()),),
    )
    return {name for name, oid in oids.items() if oid in found["oid"].to_pylist()}
