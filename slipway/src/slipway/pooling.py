"""Keeps connections to Dagster's Postgres open, and which tables and columns it has: a plug-in of SQLAlchemy, named in the database's URL.

dagster-postgres opens a connection for each statement of a run, of the daemon and of a code server, and each of them costs a process of
Postgres and an exchange of hashes: several milliseconds in place of a tenth of one. And each time that runs, sensors or schedules are
asked for, several times a second on an idle platform, Dagster first asks Postgres's catalogue which tables there are and which
columns they have: up to three queries, that take longer than the one after them. The URL's `?plugin=slipway_pool` (in the official
chart: `postgresql.postgresqlParams`) changes both with nothing replaced. The webserver has a pool already, which stays.

How plug-ins work: https://docs.sqlalchemy.org/en/20/core/connections.html#sqlalchemy.engine.CreateEnginePlugin. Does not belong here:
connections of assets to other databases (`slipway.resources.postgres`).
"""

import os
import time
import weakref
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, CreateEnginePlugin, Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import NullPool, QueuePool

PLUGIN = "slipway_pool"
# Of a process, for each of Dagster's three storages; what threads need beyond that is closed again after its statement.
KEPT_OPEN = 1
# Below the half hour after which gateways on the way forget a silent connection.
RECYCLE_SECONDS = 600
# A connection that has just answered is not asked whether it is there: no server restarts in so short a time.
PING_AFTER_SECONDS = 1
# After so long a process sees what another one's migration has changed.
SCHEMA_SECONDS = 60
_DDL = ("ALTER", "CREATE", "DROP")


class Pool(CreateEnginePlugin):
    """Gives an engine that has no pool a small one, which notices connections that the server has closed."""

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        super().__init__(url, kwargs)
        self._pooled = kwargs.get("poolclass") is NullPool
        if self._pooled:
            kwargs.update(
                poolclass=QueuePool,
                pool_size=KEPT_OPEN,
                max_overflow=-1,
                pool_recycle=RECYCLE_SECONDS,
            )

    def update_url(self, url: URL) -> URL:
        """Return the URL, which has no arguments of ours."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Make processes that are forked from this one open connections of their own, and tables known."""
        _remember_the_schema(engine)
        if self._pooled:
            _replace_closed_connections(engine)
            _leave_to_the_parent(weakref.ref(engine))


def pooled(url: str) -> str:
    """Return the URL of a database without parameters as one whose connections stay open."""
    return f"{url}?plugin={PLUGIN}"


def _replace_closed_connections(engine: Engine) -> None:
    """Ask a connection that has been silent whether it is still there, and let the pool open another one if it is not.

    SQLAlchemy's own `pool_pre_ping` asks before each statement:
    https://docs.sqlalchemy.org/en/20/core/pooling.html#custom-legacy-pessimistic-ping
    """

    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        answered = record.info.get("answered")
        if answered is None or time.monotonic() - answered < PING_AFTER_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    def note(_connection: Any, record: Any) -> None:
        record.info["answered"] = time.monotonic()

    event.listen(engine, "checkout", ping)
    event.listen(engine, "checkin", note)


def _leave_to_the_parent(engine: weakref.ref[Engine]) -> None:
    def forget() -> None:
        if alive := engine():
            alive.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def _remember_the_schema(engine: Engine) -> None:
    """Let the dialect's questions about tables share one cache, which SQLAlchemy gives to a single inspector only.

    It is emptied by each change of the schema through this engine, and after SCHEMA_SECONDS.
    """
    known: dict[Any, Any] = {}
    until = 0.0

    def remembering(ask: Callable[..., Any]) -> Callable[..., Any]:
        def answer(connection: Any, *names: str | None, **options: Any) -> Any:
            nonlocal until
            if time.monotonic() > until:
                known.clear()
                until = time.monotonic() + SCHEMA_SECONDS
            return ask(connection, *names, **{**options, "info_cache": known})

        return answer

    def forget(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip()[:6].upper().startswith(_DDL):
            known.clear()

    for question in ("get_columns", "get_table_names", "has_table"):
        setattr(engine.dialect, question, remembering(getattr(engine.dialect, question)))
    event.listen(engine, "after_cursor_execute", forget)
