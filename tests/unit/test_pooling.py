"""Dagster's own storage with slipway.pooling, on a real Postgres."""

import os
from collections.abc import Iterator

import pytest
from dagster._core.storage.runs import SqlRunStorage
from dagster_postgres import PostgresRunStorage

from slipway.pooling import pooled
from slipway.testing.postgres import Database, postgres

STATEMENTS = 20


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with postgres() as database:
        yield database


@pytest.fixture
def database(server: Database) -> Database:
    return server.made_anew("dagster")


def backend(storage: SqlRunStorage) -> int:
    """Return the number of the server's process that a statement of the storage reaches."""
    with storage.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_statements_share_a_connection(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    assert len({backend(storage) for _ in range(STATEMENTS)}) == 1
    storage.dispose()


def test_without_the_plug_in_each_has_its_own(database: Database) -> None:
    """What the plug-in is for; when dagster-postgres keeps connections itself, it can go."""
    storage = PostgresRunStorage(database.url)
    assert len({backend(storage) for _ in range(STATEMENTS)}) == STATEMENTS


def test_a_connection_that_the_server_closed_is_replaced(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    before = backend(storage)
    database.run(f"SELECT pg_terminate_backend({before})")
    assert backend(storage) != before
    storage.dispose()


def test_a_forked_process_has_a_connection_of_its_own(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    before = backend(storage)
    read, write = os.pipe()
    if not (child := os.fork()):
        os.write(write, str(backend(storage)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(read, 100)) != before
    assert backend(storage) == before
    storage.dispose()


def test_the_webserver_s_own_pool_stays(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    storage.optimize_for_webserver(statement_timeout=5000, pool_recycle=7, max_overflow=3)
    assert storage._engine.pool._recycle == 7
    with storage.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "5s"
    storage.dispose()
