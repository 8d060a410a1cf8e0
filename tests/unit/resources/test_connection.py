import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time

import dagster as dg
import pytest
import sqlalchemy as sa

from slipway.resources import PostgresResource
from slipway.resources.postgres.errors import (
    AccessDeniedError,
    ConflictError,
    ConnectionFailedError,
    ConnectionLostError,
    MissingRelationError,
    PostgresError,
    QueryError,
    ServerBusyError,
    UrlError,
    query_failure,
    server_message,
)
from slipway.testing.ports import free_port

from .conftest import PASSWORD, URL_PASSWORD


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("mysql://u:s3cret@h/d", "one of mysql"),
        ("postgresql://u:s3cret@h", "names no database"),
        ("s3cret", "can't be parsed"),
        ("postgresql://u:s3cret@h:port/d", "can't be parsed"),
        ("postgresql://u:s3cret@h/d?colour=red", "does not know.*colour"),
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url, said):
    with pytest.raises(UrlError, match=said) as caught:
        PostgresResource(url=url).read("SELECT 1 AS x")
    assert "s3cret" not in str(caught.value)
    assert "postgresql://user:password@host:port/database" in str(caught.value) or "libpq" in str(
        caught.value
    )


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg2", "postgresql+psycopg", "postgres"])
def test_any_driver_of_the_url_is_accepted(postgres, driver):
    url = postgres.url().replace("postgresql", driver, 1)
    assert postgres.resource(url=url).read_table("SELECT 1 AS x")["x"].to_pylist() == [1]
    with postgres.resource(url=url).engine() as engine, engine.connect() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        assert connection.dialect.driver == "psycopg2"


def test_parameters_of_the_url_reach_the_server(postgres):
    url = f"{postgres.url()}?application_name=a%20b%2Bc&options=-c%20work_mem%3D7MB"
    found = postgres.resource(url=url).read_table(
        "SELECT current_setting('application_name') AS name, current_setting('work_mem') AS memory"
    )
    assert found.to_pylist() == [{"name": "a b+c", "memory": "7MB"}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"password": "wr0ng-pw"},
            'refuses the login as owner: .*password authentication failed for user "owner"',
        ),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"user": "nobody-known"}, "refuses the login as nobody-known"),
    ],
)
def test_a_refused_login_is_said_at_once_and_never_with_the_password(postgres, change, said):
    started = time.monotonic()
    with pytest.raises(AccessDeniedError, match=said) as caught:
        postgres.resource(url=postgres.url(**change), connect_retry_seconds=120).read("SELECT 1 AS x")
    assert time.monotonic() - started < 30
    assert f"127.0.0.1:{postgres.port}" in str(caught.value)
    for secret in ("wr0ng-pw", PASSWORD, URL_PASSWORD):
        assert secret not in str(caught.value)
        assert secret not in str(caught.value.metadata)
    assert caught.value.allow_retries is False


def test_a_password_in_the_drivers_words_is_masked(postgres):
    error = postgres.resource()._server().login_failure(f"IO: [libpq] Failed to connect: odd {PASSWORD} here")
    assert PASSWORD not in error.description
    assert "odd *** here" in error.description


def test_a_server_that_is_down_is_tried_for_the_time_allowed():
    resource = PostgresResource(
        url=f"postgresql://u:s3cret@127.0.0.1:{free_port()}/d", connect_retry_seconds=1.0
    )
    started = time.monotonic()
    with pytest.raises(
        ConnectionFailedError, match=r"127\.0\.0\.1:\d+/d within 1 s: .*Connection refused"
    ) as caught:
        resource.read("SELECT 1 AS x")
    assert time.monotonic() - started > 0.8  # nor is it given up at the first refusal
    assert "s3cret" not in str(caught.value)
    assert caught.value.allow_retries is True


def test_a_server_that_accepts_and_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://u:s3cret@127.0.0.1:{port}/d?connect_timeout=2"
        with pytest.raises(ConnectionFailedError, match="timeout"):
            PostgresResource(url=url, connect_retry_seconds=0).read("SELECT 1 AS x")


def test_a_server_that_comes_up_within_the_time_is_used(postgres):
    postgres.control("stop", "-m", "fast")
    starter = threading.Timer(1.0, postgres.control, ["start"])
    starter.start()
    try:
        found = postgres.resource(connect_retry_seconds=20).read_table("SELECT 1 AS x")
    finally:
        starter.join()
    assert found.num_rows == 1


def test_a_read_that_loses_its_backend_says_so_and_the_next_works(postgres):
    resource = postgres.resource()
    reader = resource.read("SELECT generate_series(1, 100000) AS n")
    reader.read_next_batch()
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipway'")
    with pytest.raises(ConnectionLostError, match="generate_series") as caught:
        reader.read_all()
    assert caught.value.allow_retries is True
    assert postgres.open_sessions() == 0
    assert resource.read_table("SELECT 1 AS x").num_rows == 1


def test_a_server_restarted_during_a_read_is_said_and_the_next_read_works(postgres):
    resource = postgres.resource(connect_retry_seconds=20)
    reader = resource.read("SELECT generate_series(1, 100000) AS n")
    reader.read_next_batch()
    postgres.control("restart", "-m", "immediate")
    with pytest.raises(ConnectionLostError):
        reader.read_all()
    assert resource.read_table("SELECT 1 AS x").num_rows == 1


def test_too_many_connections_are_waited_for(postgres):
    postgres.run("ALTER ROLE owner CONNECTION LIMIT -1", "DROP ROLE IF EXISTS few")
    postgres.run("CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 1")
    resource = postgres.resource(url=postgres.url(user="few", password="few"), connect_retry_seconds=10)
    reader = resource.read("SELECT generate_series(1, 2000) AS n")
    threading.Timer(0.7, reader.read_all).start()
    assert resource.read_table("SELECT 1 AS x").num_rows == 1


def test_a_retry_policy_applies_to_what_can_pass_and_not_to_what_can_not(postgres):
    attempts = {"bad": 0, "lost": 0}

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    def bad(source: PostgresResource) -> None:
        attempts["bad"] += 1
        source.read("SELECT nonsense")

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    def lost(source: PostgresResource) -> None:
        attempts["lost"] += 1
        source.read("SELECT pg_terminate_backend(pg_backend_pid())")

    result = dg.materialize([bad, lost], resources={"source": postgres.resource()}, raise_on_error=False)
    assert not result.success
    assert attempts == {"bad": 1, "lost": 3}


def test_engines_are_closed(postgres):
    with postgres.resource().engine() as engine:
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE t (id int)"))
        assert postgres.open_sessions() == 0
    assert postgres.rows("SELECT count(*) FROM t") == [(0,)]


def test_check_columns_names_everything_that_is_missing(postgres):
    postgres.run("CREATE SCHEMA IF NOT EXISTS shop", "DROP TABLE IF EXISTS shop.lines")
    postgres.run(
        "CREATE TABLE orders (order_id int, ordered_at timestamptz)", "CREATE TABLE shop.lines (id int)"
    )
    resource = postgres.resource()
    resource.check_columns({"orders": ["order_id"], "shop.lines": ["id"], "public.orders": []})
    with pytest.raises(MissingRelationError) as caught:
        resource.check_columns({"orders": ["order_idd", "amount"], "shop.line": ["id"], "Orders": []})
    said = caught.value.description
    assert "column orders.order_idd (similar: order_id, ordered_at)" in said
    assert "column orders.amount (there are: order_id, ordered_at)" in said
    assert "table shop.line (similar: shop.lines)" in said
    assert "table Orders (similar: orders)" in said
    assert f"127.0.0.1:{postgres.port}/postgres lacks" in said
    assert caught.value.allow_retries is False


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("40001", ConflictError),
        ("40P01", ConflictError),
        ("57P01", ConnectionLostError),
        ("08006", ConnectionLostError),
        ("53300", ServerBusyError),
        ("53100", ServerBusyError),
        ("57014", ServerBusyError),
        ("42601", QueryError),
        ("XX000", QueryError),
        ("", QueryError),
    ],
)
def test_the_class_of_a_failure_follows_its_sqlstate(sqlstate, kind):
    error = query_failure("ERROR: x", sqlstate, "SELECT 1", "h:1/d")
    assert type(error) is kind
    assert error.allow_retries is kind.retryable
    assert isinstance(error, PostgresError)


def test_messages_keep_what_the_server_said_and_drop_the_drivers_echo():
    text = "NOT_FOUND: [libpq] Failed to execute query 'SELECT x': ERROR:  column \"x\" does not exist\nLINE 1: SELECT x\n               ^\nHINT:  Try y.\n. SQLSTATE: 42703"
    assert server_message(text) == 'column "x" does not exist HINT: Try y'
    assert server_message("[libpq] no connection to the server") == "[libpq] no connection to the server"


def test_a_connection_lost_in_the_middle_of_the_block_is_closed(postgres):
    server = postgres.resource()._server()
    with contextlib.suppress(ZeroDivisionError), server.transaction() as session:
        session.execute("CREATE TABLE t (id int)")
        raise ZeroDivisionError
    assert postgres.open_sessions() == 0
    assert postgres.rows("SELECT to_regclass('t')") == [(None,)]


TERMINATED = """
import signal, sys
from slipway.resources import PostgresResource

class Terminated(BaseException): pass

def terminate(number, frame): raise Terminated

signal.signal(signal.SIGTERM, terminate)
# Ignored in whatever a shell has started in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
try:
    PostgresResource(url=sys.argv[1]).read("SELECT pg_sleep(60)")
except Terminated:
    print("terminated", flush=True)
"""


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "KeyboardInterrupt")]
)
def test_a_run_that_is_terminated_takes_its_query_along(postgres, number, said):
    command = [sys.executable, "-c", TERMINATED, postgres.url()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while postgres.rows(query) == [(0,)]:
        time.sleep(0.05)
    process.send_signal(number)
    assert said in process.communicate(timeout=60)[0]
    assert postgres.open_sessions() == 0
