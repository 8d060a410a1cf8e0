"""`PostgresResource`: what an asset sees of a Postgres database.

Belongs here: configuration and the public methods, each a few lines. Does not belong here: how they
do it; every module beside this one does one thing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from slipway.resources.postgres import binding, catalog, merging, reading, replacing
from slipway.resources.postgres.connection import Server, parsed_url
from slipway.resources.postgres.errors import MissingRelationError
from slipway.resources.postgres.merging import MergedRows
from slipway.resources.postgres.replacing import Partition, ReplacedPartition

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlalchemy.engine import Engine

    from slipway.resources.postgres.binding import Query
    from slipway.resources.postgres.staging import Rows


class PostgresResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One Postgres database.

    Give the URL as `dg.EnvVar("ORDERS_SOURCE_URL")`: it is then read when a run needs it, and the UI
    shows the variable's name. Every method opens a connection of its own and closes it; connecting is
    retried with backoff for `connect_retry_seconds`, nothing else is. Sessions are in UTC and their
    application_name carries the run's id (`SELECT application_name FROM pg_stat_activity`).

    Whatever fails raises a `PostgresError` (see `errors`), a `dagster.Failure`: an asset's retry policy
    applies to those that can pass (connection lost, deadlock, server full) and not to the others.
    """

    url: str = Field(
        description="postgresql://user:password@host:port/database. A driver, as in postgresql+psycopg2://, is ignored."
    )
    connect_retry_seconds: float = Field(
        default=30.0,
        ge=0,
        description="How long a connection is tried for: longer than a restart of the server.",
    )
    statement_timeout_seconds: float = Field(
        default=3600.0, ge=0, description="Limit of a single statement, and of each chunk of a read. 0: none."
    )

    _application_name: str = PrivateAttr(default="slipway")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Take the run's id for application_name."""
        self._application_name = f"slipway {context.run.run_id}" if context.run else "slipway"

    def read(
        self,
        query: "Query",
        params: Mapping[str, Any] | None = None,
        *,
        chunk_bytes: int = reading.CHUNK_BYTES,
    ) -> "pa.RecordBatchReader":
        """Return the rows of `query` as a stream of record batches of about `chunk_bytes`.

        `query` is SQL with `:name` for each of `params`, or a SQLAlchemy `select()`. Values are bound by
        the server with the type Python gives them: pass dates as dates, a list for `= ANY(:ids)`, and
        write `CAST(:x AS integer)` where None may come. Only SELECT, VALUES and WITH ... SELECT.

        All batches see one moment of the database (REPEATABLE READ, READ ONLY). The columns' types are
        those of `arrow_types`. The schema is known, and errors of the query are raised, on return; a
        connection lost later is raised by the batch it concerns.

        Raises:
            QueryError: Postgres refuses the query; `MissingRelationError` when a name in it is unknown.
            RefusedDataError: a column or value has no exact Arrow type.
            ConnectionFailedError, ConnectionLostError, AccessDeniedError, ServerBusyError.
        """
        sql, values = binding.bound(query, params)
        return reading.open_reader(self._server(), sql, values, chunk_bytes)

    def read_table(self, query: "Query", params: Mapping[str, Any] | None = None) -> "pa.Table":
        """Return all rows of `query` as one table; otherwise as `read`."""
        return self.read(query, params).read_all()

    def read_pandas(self, query: "Query", params: Mapping[str, Any] | None = None) -> "pd.DataFrame":
        """Return all rows of `query` as a frame with a RangeIndex; otherwise as `read`.

        numeric columns hold `decimal.Decimal`, dates `datetime.date`; cast in the query for floats. The
        peak is about the frame and one column more.
        """
        return self.read_table(query, params).to_pandas(split_blocks=True, self_destruct=True)

    def replace_partition(  # noqa: PLR0913 - a partition is given by its column and its bounds
        self,
        table: str,
        rows: "Rows",
        column: str,
        *,
        lower: Any = None,
        upper: Any = None,
        equals: Any = None,
    ) -> ReplacedPartition:
        """Put `rows` in the place of the rows of a partition of `table` (`table` or `schema.table`).

        The partition is where `lower <= column < upper`, or `column = equals`. Bounds of a timestamptz
        column without a time zone are in UTC; those of a date column are the dates of midnights.

        One transaction: COPY into a temporary table, check, DELETE, INSERT. Others see the old rows or the
        new ones; a failure leaves the old ones; the same call again leaves the same rows; no rows empty the
        partition. Writers of one table wait for each other for the time of DELETE and INSERT, overlapping
        partitions included; programs that write to the table without this method are not held off.

        `rows` (pandas DataFrame, pyarrow Table, RecordBatch or RecordBatchReader, which is streamed) is
        matched and converted as in `staging.stage_rows`. Return the rows deleted and inserted.

        Raises:
            RefusedDataError: a row is outside of the partition, its column NULL, or a value does not fit.
            MissingRelationError: table or column does not exist.
            ConflictError, ConnectionLostError and the others of `errors`: nothing was written, but for a
                connection lost in the very COMMIT, where a repetition settles it.
        """
        partition = Partition(column, lower, upper, equals)
        return replacing.replace_partition(self._server(), table, rows, partition)

    def merge(self, table: str, rows: "Rows", key: Sequence[str]) -> MergedRows:
        """Insert the `rows` whose `key` is not in `table`, and update those whose is.

        Updated are the columns that `rows` has and that are not of the key, and only in rows where one of
        them differs (IS DISTINCT FROM; JSON by its text): a row that is the same is not rewritten, and fires
        no trigger. Columns that `rows` has not keep their value, or get their default in a new row. Nothing
        is ever deleted. One transaction, conversion and waiting as in `replace_partition`.

        `key` needs a unique index or primary key on exactly these columns, with values and no NULLs.
        Return the rows inserted, updated and unchanged.

        Raises:
            RefusedDataError: a key is given more than once (the message names some), or is NULL; there is no
                such index; a value does not fit.
            MissingRelationError: table or column does not exist.
            The others of `errors`, as in `replace_partition`.
        """
        return merging.merge(self._server(), table, rows, key)

    def check_columns(self, required: Mapping[str, Collection[str]]) -> None:
        """Check that every table of `required` exists, with all its columns.

        Raises:
            MissingRelationError: once, naming all tables and columns that are missing.
        """
        with self._server().transaction(read_only=True) as session:
            lines = catalog.missing(session, required)
        if lines:
            label = self._server().label
            raise MissingRelationError(f"{label} lacks {'; '.join(lines)}", database=label)

    @contextmanager
    def engine(self) -> "Iterator[Engine]":
        """Yield a SQLAlchemy engine on psycopg2 for everything the other methods do not do.

        It pools nothing: each connection taken from it is closed when given back.
        """
        from sqlalchemy import create_engine  # noqa: PLC0415
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        engine = create_engine(self._server().connection_url(), poolclass=NullPool)
        try:
            yield engine
        finally:
            engine.dispose()

    def _server(self) -> Server:
        return Server(
            parsed_url(self.url),
            self._application_name,
            self.connect_retry_seconds,
            self.statement_timeout_seconds,
        )
