"""The demo's command on a real database."""

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from databases import DEMO

from orders.demo.__main__ import URL_VARIABLE, main
from orders.demo.history import History
from orders.demo.load import TablesInTheWayError, load
from orders.schema import SOURCE
from slipway.testing.postgres import Database

TABLES = ("customers", "orders", "order_lines")
OPTIONS = ["--orders", "45000", "--seed", "5", "--until", "2026-02-10"]


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run the command in this process, on a database or without one."""

    def run(database: Database | None, *arguments: str) -> Done:
        monkeypatch.delenv(URL_VARIABLE, raising=False)
        if database:
            monkeypatch.setenv(URL_VARIABLE, database.url)
        try:
            code = main(list(arguments))
        except SystemExit as ended:
            code = ended.code
        return Done(code, *capsys.readouterr())

    return run


def test_it_runs_as_a_module_and_without_dagster() -> None:
    code = "import sys, runpy; sys.argv = ['demo', '--help']\ntry: runpy.run_module('orders.demo', run_name='__main__')\n"
    code += "finally: assert 'dagster' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m orders.demo" in done.stdout


def content(database: Database) -> list:
    query = "SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)), count(*) FROM {} t"
    return [database.rows(query.format(table)) for table in TABLES]


@pytest.fixture(scope="module")
def empty(new_database: Callable[[str], Database]) -> Database:
    return new_database("loaded")


def test_load_says_how_far_it_is_and_is_the_same_every_time(empty: Database, command) -> None:
    first = command(empty, "load", *OPTIONS)
    assert first.code == 0, first.err
    lines = first.out.splitlines()
    assert lines[1:4] == ["orders 20,000 of 45,000", "orders 40,000 of 45,000", "indexes"]
    assert lines[-1] == "orders 45,000 of 45,000, done"
    loaded = content(empty)
    refused = command(empty, "load", *OPTIONS)
    assert refused.code == 1
    assert "table customers holds rows already; --replace" in refused.err
    assert content(empty) == loaded
    again = command(empty, "load", *OPTIONS, "--replace")
    assert again.code == 0, again.err
    assert content(empty) == loaded


def test_tables_have_keys_indexes_and_descriptions(demo: Database) -> None:
    found = demo.rows("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    definitions = {(table, text.split("btree ")[1]) for table, text in found}
    assert definitions == {
        ("customers", "(customer_id)"),
        ("orders", "(row_id)"),
        ("orders", "(order_id)"),
        ("orders", "(ordered_at)"),
        ("orders", "(received_at)"),
        ("order_lines", "(order_id, line_number)"),
    }
    for table in SOURCE:
        rows = demo.rows(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum) "
            "FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0 ORDER BY attnum",
            {"table": table.name},
        )
        types = {"timestamp with time zone": "timestamptz"}
        assert [
            (name, types.get(kind, kind).replace(",", ", "), null, text) for name, kind, null, text in rows
        ] == [
            (column.name, column.sql_type, not column.nullable, column.description)
            for column in table.columns
        ]


def test_tables_of_others_are_left_alone(new_database: Callable[[str], Database], command) -> None:
    own = new_database("own_tables")
    own.run("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)")
    for arguments in (OPTIONS, [*OPTIONS, "--replace"]):
        refused = command(own, "load", *arguments)
        assert refused.code == 1
        assert "table orders exists and was not made by a load of the demo" in refused.err
    assert own.rows("SELECT * FROM orders") == [(1,)]
    assert own.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_nothing_is_left_of_a_load_that_fails(new_database: Callable[[str], Database]) -> None:
    database = new_database("half")

    class CutOffError(Exception):
        pass

    def cut_off(line: str) -> None:
        if line.startswith("orders"):
            raise CutOffError

    with pytest.raises(CutOffError):
        load(database.url, History(50_000, 1, DEMO.until), replace=False, say=cut_off)
    assert database.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    load(database.url, History(100, 1, DEMO.until), replace=False, say=lambda _: None)
    before = content(database)
    with pytest.raises(CutOffError):
        load(database.url, History(50_000, 1, DEMO.until), replace=True, say=cut_off)
    assert content(database) == before


def test_of_two_loads_at_once_one_is_refused(new_database: Callable[[str], Database]) -> None:
    database, ends = new_database("twice"), []

    def one() -> None:
        try:
            load(database.url, History(5_000, 1, DEMO.until), replace=False, say=lambda _: None)
            ends.append("loaded")
        except TablesInTheWayError:
            ends.append("refused")

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["loaded", "refused"]
    assert database.rows("SELECT count(DISTINCT order_id) FROM orders") == [(5_000,)]


def test_errors_say_what_to_do(server: Database, command) -> None:
    missing = command(None, "load")
    assert missing.code == 1
    assert "SLIPWAY_DEMO_DATABASE_URL is not set: postgresql://" in missing.err
    gone = command(Database("postgresql://owner:hidden@127.0.0.1:1/postgres"), "load")
    assert gone.code == 1
    assert "Connection refused" in gone.err
    assert "hidden" not in gone.err
    assert "Traceback" not in gone.err
    for wrong in (["--orders", "0"], ["--until", "2025-12-31"], ["--seed", "-1"], ["--until", "soon"]):
        assert command(server, "load", *wrong).code == 2


def test_help_names_the_options_and_the_variable(command) -> None:
    shown = command(None, "load", "--help").out
    for expected in ("--orders", "--seed", "--until", "--replace", "SLIPWAY_DEMO_DATABASE_URL", "100000"):
        assert expected in shown


def test_readers_keep_their_rights_when_the_demo_is_loaded_anew(
    new_database: Callable[[str], Database],
) -> None:
    database = new_database("granted")
    database.run(
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader",
    )
    for replace in (False, True):
        load(database.url, History(100, 1, DEMO.until), replace=replace, say=lambda _: None)
        with psycopg.connect(database.url.replace("owner@", "reader@")) as connection:
            for table in TABLES:
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() > (0,)
