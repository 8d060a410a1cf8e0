"""Dagster's own storage with slipway.pooling, on a real Postgres."""

import os
from collections.abc import Iterator

import pytest
import sqlalchemy
from dagster._core.storage.runs import SqlRunStorage
from dagster_postgres import PostgresRunStorage, PostgresScheduleStorage

from slipway import pooling
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


def statements(storage: PostgresRunStorage | PostgresScheduleStorage) -> list[str]:
    """Return a list to which each statement of the storage is added."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    sqlalchemy.event.listen(storage._engine, "before_cursor_execute", note)
    return found


def test_statements_share_a_connection(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    assert len({backend(storage) for _ in range(STATEMENTS)}) == 1
    storage.dispose()


def test_without_the_plug_in_each_has_its_own(database: Database) -> None:
    """What the plug-in is for; when dagster-postgres keeps connections itself, it can go."""
    storage = PostgresRunStorage(database.url)
    assert len({backend(storage) for _ in range(STATEMENTS)}) == STATEMENTS


def test_a_connection_that_the_server_closed_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "PING_AFTER_SECONDS", 0)
    storage = PostgresRunStorage(pooled(database.url))
    before = backend(storage)
    assert backend(storage) == before
    database.run(f"SELECT pg_terminate_backend({before})")
    assert backend(storage) != before
    storage.dispose()


def test_one_that_has_just_answered_is_not_asked_whether_it_is_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    backend(storage)
    pings: list[object] = []
    monkeypatch.setattr(storage._engine.dialect, "do_ping", pings.append)
    backend(storage)
    assert pings == []
    monkeypatch.setattr(pooling, "PING_AFTER_SECONDS", 0)
    backend(storage)
    assert len(pings) == 1
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


def test_columns_are_asked_for_once(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    assert storage.has_run_stats_index_cols()
    asked = statements(storage)
    for _ in range(STATEMENTS):
        assert storage.get_run_records() == []
    assert not [each for each in asked if "pg_attribute" in each]
    assert asked
    storage.dispose()


def test_tables_are_asked_for_once(database: Database) -> None:
    storage = PostgresScheduleStorage(pooled(database.url))
    assert storage.all_instigator_state() == []
    asked = statements(storage)
    for _ in range(STATEMENTS):
        storage.all_instigator_state()
    assert not [each for each in asked if "pg_class" in each]
    assert asked
    storage.dispose()


def test_without_the_plug_in_they_are_asked_for_each_time(database: Database) -> None:
    """What the cache is for; when Dagster remembers them itself, it can go."""
    storage = PostgresRunStorage(database.url)
    asked = statements(storage)
    for _ in range(STATEMENTS):
        storage.get_run_records()
    assert len([each for each in asked if "pg_attribute" in each]) == STATEMENTS
    storage.dispose()


def test_a_change_of_the_schema_is_seen_at_once(database: Database) -> None:
    storage = PostgresRunStorage(pooled(database.url))
    assert storage.has_run_stats_index_cols()
    with storage.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN start_time")
    assert not storage.has_run_stats_index_cols()
    with storage.connect() as connection:
        sqlalchemy.Table("kvs", sqlalchemy.MetaData()).drop(connection)
        assert not connection.dialect.has_table(connection, "kvs")
    storage.dispose()


def test_a_change_by_another_process_is_seen_after_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "SCHEMA_SECONDS", 0)
    storage = PostgresRunStorage(pooled(database.url))
    assert storage.has_run_stats_index_cols()
    database.run("ALTER TABLE runs DROP COLUMN start_time")
    assert not storage.has_run_stats_index_cols()
    storage.dispose()
