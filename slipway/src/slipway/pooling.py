"""Keeps connections to Dagster's Postgres open between statements: a plug-in of SQLAlchemy, named in the database's URL.

dagster-postgres opens a connection for each statement of a run, of the daemon and of a code server, and each of them costs a process of
Postgres and an exchange of hashes: several milliseconds in place of a tenth of one. The URL's `?plugin=slipway_pool` (in the official
chart: `postgresql.postgresqlParams`) changes that with nothing replaced. The webserver has a pool already, which stays.

How plug-ins work: https://docs.sqlalchemy.org/en/20/core/connections.html#sqlalchemy.engine.CreateEnginePlugin. Does not belong here:
connections of assets to other databases (`slipway.resources.postgres`).
"""

import os
import weakref
from typing import Any

from sqlalchemy.engine import URL, CreateEnginePlugin, Engine
from sqlalchemy.pool import NullPool, QueuePool

PLUGIN = "slipway_pool"
# Of a process, for each of Dagster's three storages; what threads need beyond that is closed again after its statement.
KEPT_OPEN = 1
# Below the half hour after which gateways on the way forget a silent connection.
RECYCLE_SECONDS = 600


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
                pool_pre_ping=True,
                pool_recycle=RECYCLE_SECONDS,
            )

    def update_url(self, url: URL) -> URL:
        """Return the URL, which has no arguments of ours."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Make processes that are forked from this one open connections of their own."""
        if self._pooled:
            _leave_to_the_parent(weakref.ref(engine))


def pooled(url: str) -> str:
    """Return the URL of a database without parameters as one whose connections stay open."""
    return f"{url}?plugin={PLUGIN}"


def _leave_to_the_parent(engine: weakref.ref[Engine]) -> None:
    def forget() -> None:
        if alive := engine():
            alive.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
