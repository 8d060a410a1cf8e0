"""Connect to one Postgres database, and run statements in one transaction on it.

Belongs here: the URL, the bounded retry of connecting, session settings, and the translation of the
driver's exceptions. Does not belong here: what the statements say.

A connection is opened for an operation and closed after it: there is no pool to size, to reset after a
fork, or to hold the server's connections while a step computes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg

from slipway.resources.postgres import errors

if TYPE_CHECKING:
    import pyarrow as pa
    from adbc_driver_manager import dbapi
    from sqlalchemy.engine import URL

# The network can lose a peer without a word. With these an idle connection fails after a minute
# instead of after the two hours of Linux's defaults.
_CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_NAME_BYTES = 63
T = TypeVar("T")


def parsed_url(url: str) -> "URL":
    """Return `url` as SQLAlchemy's, with psycopg2 as the driver, whatever driver it names.

    Raises:
        UrlError: it is no Postgres URL or names no database. The message never repeats the URL,
            which holds a password.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - 0.2 s that loading definitions must not pay
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    form = "use postgresql://user:password@host:port/database"
    if not url:
        raise errors.UrlError(f"the URL of the database is empty: {form}")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise errors.UrlError(f"the URL of the database can't be parsed: {form}") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise errors.UrlError(f"the URL is one of {parsed.get_backend_name()}, not of Postgres: {form}")
    if not parsed.database:
        raise errors.UrlError(f"the URL names no database: {form}")
    return parsed.set(drivername="postgresql+psycopg2")


@dataclass(frozen=True)
class Server:
    """One database, and how to behave towards it."""

    url: "URL"
    application_name: str
    connect_retry_seconds: float
    statement_timeout_seconds: float

    @property
    def label(self) -> str:
        """Host, port and database, for messages: `host:5432/db`."""
        query_host = self.url.query.get("host", "")
        host = self.url.host or (query_host if isinstance(query_host, str) else ",".join(query_host))
        return f"{host or 'local socket'}:{self.url.port or 5432}/{self.url.database}"

    def connection_url(self) -> "URL":
        """Return the URL with our timeouts, which the URL's own parameters override."""
        name = self.application_name.encode()[:_NAME_BYTES].decode(errors="ignore")
        return self.url.set(query={"application_name": name, **_CONNECTION_DEFAULTS, **self.url.query})

    def begin(self, *, read_only: bool = False) -> "Session":
        """Open a connection and a transaction on it; the caller closes it.

        A read-only transaction is REPEATABLE READ: everything in it sees one moment of the database.

        Raises:
            ConnectionFailedError: no connection within `connect_retry_seconds`.
            AccessDeniedError: the server refused user, password or database; not retried.
        """
        session = Session(self, self._connect())
        try:
            if read_only:
                session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Dates cut from a timestamptz depend on the session's time zone: never on the server's default.
            session.execute("SELECT set_config('TimeZone', 'UTC', true)")
            session.limit_statements(self.statement_timeout_seconds)
        except BaseException:
            session.close()
            raise
        return session

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> "Iterator[Session]":
        """Yield a `Session`; commit when the block ends, roll back when it raises, close in any case."""
        session = self.begin(read_only=read_only)
        try:
            yield session
            session.commit()
        finally:
            session.close()

    def _connect(self) -> "dbapi.Connection":
        from tenacity import (  # noqa: PLC0415
            Retrying,
            retry_if_exception_type,
            stop_after_delay,
            wait_random_exponential,
        )

        attempts = Retrying(
            retry=retry_if_exception_type(errors.ConnectionFailedError),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            stop=stop_after_delay(self.connect_retry_seconds),
            before_sleep=self._tell_of_retry,
            reraise=True,
        )
        return attempts(self._connect_once)

    def _connect_once(self) -> "dbapi.Connection":
        import adbc_driver_postgresql.dbapi as driver  # noqa: PLC0415

        try:
            connection: dbapi.Connection = driver.connect(self._conninfo())
        except driver.Error as error:
            raise self.login_failure(str(error)) from None
        return connection

    def _conninfo(self) -> str:
        """Return libpq's `name=value` form: in a URL, libpq and SQLAlchemy differ about spaces and plus signs."""
        from psycopg2 import ProgrammingError  # noqa: PLC0415
        from psycopg2.extensions import make_dsn  # noqa: PLC0415

        url = self.connection_url()
        named = {
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "password": url.password,
            "dbname": url.database,
        }
        query = {
            name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()
        }
        try:
            dsn: str = make_dsn(**query, **{name: str(value) for name, value in named.items() if value})
        except ProgrammingError as error:
            raise errors.UrlError(
                f"the URL of {self.label} has a parameter libpq does not know: {error}"
            ) from None
        return dsn

    def login_failure(self, text: str) -> errors.PostgresError:
        """Return the exception for a connection that did not come about; `text` is libpq's message."""
        text = " ".join(text.replace("IO: [libpq] Failed to connect:", "").split())
        if self.url.password:
            text = text.replace(str(self.url.password), "***")
        if errors.refused_at_login(text):
            return errors.AccessDeniedError(
                f"Postgres at {self.label} refuses the login as {self.url.username or 'the default user'}: "
                f"{text}. Check user, password and database of the URL.",
                database=self.label,
            )
        return errors.ConnectionFailedError(
            f"no connection to Postgres at {self.label} within {self.connect_retry_seconds:g} s: {text}. "
            "Is the server up, and reachable from here?",
            database=self.label,
        )

    def _tell_of_retry(self, state: Any) -> None:
        if state.attempt_number == 1:
            dg.get_dagster_logger(__name__).warning(
                "Postgres at %s does not answer; trying again for up to %g s",
                self.label,
                self.connect_retry_seconds,
            )


class Session:
    """One transaction on one connection of its own. Not to be shared between threads."""

    def __init__(self, server: Server, connection: "dbapi.Connection") -> None:
        self.server = server
        self.shown = ""
        """The query that messages name instead of the statement it has been made into."""
        self._connection: dbapi.Connection | None = connection
        self._worker = ThreadPoolExecutor(1, "slipway-postgres")

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement with `$1`, `$2` ... bound to `parameters`.

        Return the rows it touched; -1 with parameters, for which the driver does not say.
        """
        return self._run(query, parameters, lambda cursor: int(cursor.rowcount))

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> "pa.Table":
        """Run a query and return all its rows in the driver's own types: for small results only."""
        return self._run(query, parameters, lambda cursor: cursor.fetch_arrow_table())

    def ingest(self, table: str, rows: "pa.RecordBatchReader") -> int:
        """COPY `rows` into the temporary table `table`; return how many there were."""
        with self._translated(f"COPY {table}"), self._open().cursor() as cursor:
            return int(cursor.adbc_ingest(table, rows, mode="append", temporary=True))

    def limit_statements(self, seconds: float) -> None:
        """Let each following statement of this transaction take at most `seconds`; 0 is without limit."""
        milliseconds = str(max(0, round(seconds * 1000)))
        self.execute("SELECT set_config('statement_timeout', $1, true)", (milliseconds,))

    def rollback(self) -> None:
        """Roll back, so that statements are accepted again after one has failed."""
        with self._translated("ROLLBACK"):
            self._open().rollback()

    def commit(self) -> None:
        """Commit the transaction."""
        with self._translated("COMMIT"):
            self._open().commit()

    def close(self) -> None:
        """Close the connection; whatever is not committed is rolled back. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._worker.shutdown(wait=False)
        from adbc_driver_manager import Error  # noqa: PLC0415

        try:
            connection.close()
        except Error:
            # The server ended the connection first: there is nothing left to close.
            return

    def _run(self, query: str, parameters: Sequence[Any], result: "Callable[[dbapi.Cursor], T]") -> T:
        def run() -> T:
            cursor.execute(query, tuple(parameters) or None)
            return result(cursor)

        with self._translated(query), self._open().cursor() as cursor:
            # The driver wraps queries into COPY, which knows neither FETCH nor parameters.
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            return self._interruptible(run, cursor.adbc_cancel)

    def _interruptible(self, call: Callable[[], T], cancel: Callable[[], None]) -> T:
        """Return `call()`; on a signal, `cancel` it and raise what the signal's handler raises.

        Python runs signal handlers in the main thread, and not while that is inside the driver: a run that
        is terminated would wait for the end of its query, and leave it to the server beyond that. So the
        main thread waits for another, the same one for all statements: a thread has its own heap.
        """
        if threading.current_thread() is not threading.main_thread():
            return call()
        future = self._worker.submit(call)
        try:
            return future.result()
        finally:
            if not future.done():
                cancel()
                wait([future])

    def _open(self) -> "dbapi.Connection":
        if self._connection is None:
            raise errors.ConnectionLostError(f"the connection to {self.server.label} is closed already")
        return self._connection

    @contextmanager
    def _translated(self, query: str) -> Iterator[None]:
        from adbc_driver_manager import Error  # noqa: PLC0415

        try:
            yield
        except Error as error:
            sqlstate = getattr(error, "sqlstate", None) or ""
            raise errors.query_failure(str(error), sqlstate, self.shown or query, self.server.label) from None
