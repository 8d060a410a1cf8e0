import datetime as dt
import gc
import uuid
import warnings
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from slipway.resources.postgres.arrow_types import numeric_type, plain
from slipway.resources.postgres.errors import (
    AccessDeniedError,
    MissingRelationError,
    QueryError,
    RefusedDataError,
    ServerBusyError,
)

MOMENT = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)

TYPES = [
    ("1::smallint", pa.int16(), 1),
    ("-2::integer", pa.int32(), -2),
    ("3::bigint", pa.int64(), 3),
    ("4000000000::oid", pa.int64(), 4_000_000_000),
    ("1.5::real", pa.float32(), 1.5),
    ("0.1::float8", pa.float64(), 0.1),
    ("true", pa.bool_(), True),
    ("'\\x00ff'::bytea", pa.binary(), b"\x00\xff"),
    ("'a'::char(3)", pa.string(), "a  "),
    ("'ü'::varchar", pa.string(), "ü"),
    ("12.30::numeric(12,2)", pa.decimal128(12, 2), Decimal("12.30")),
    ("(-0.00012)::numeric(2,5)", pa.decimal128(5, 5), Decimal("-0.00012")),
    ("12345::numeric(3,-2)", pa.decimal128(5, 0), Decimal(12300)),
    ("1::numeric(50,2)", pa.decimal256(50, 2), Decimal("1.00")),
    ("sum(x) FROM (VALUES (1.1::numeric(9,2)), (2.2)) v(x)", pa.decimal128(38, 18), Decimal("3.3")),
    ("DATE '2026-02-28'", pa.date32(), dt.date(2026, 2, 28)),
    ("DATE '4713-01-01 BC' IS NULL", pa.bool_(), False),
    ("TIME '01:02:03.5'", pa.time64("us"), dt.time(1, 2, 3, 500_000)),
    ("TIMESTAMP '2026-03-29 02:30'", pa.timestamp("us"), dt.datetime(2026, 3, 29, 2, 30)),  # noqa: DTZ001
    ("TIMESTAMPTZ '2026-03-29 03:30+02'", pa.timestamp("us", "UTC"), MOMENT),
    ("TIMESTAMPTZ '2026-03-29 01:30'", pa.timestamp("us", "UTC"), MOMENT),
    ("""'{"a": 1}'::json""", pa.string(), '{"a": 1}'),
    ("""'{"a":1}'::jsonb""", pa.string(), '{"a": 1}'),
    ("'00000000-0000-4000-8000-0000000000ff'::uuid", pa.string(), "00000000-0000-4000-8000-0000000000ff"),
    ("'happy'::mood", pa.string(), "happy"),
    ("1.5::price", pa.decimal128(8, 3), Decimal("1.500")),
    ("ARRAY[1, NULL]", pa.list_(pa.int32()), [1, None]),
    ("ARRAY[1.5, NULL]::numeric[]", pa.list_(pa.decimal128(38, 18)), [Decimal("1.5"), None]),
    ("ARRAY['happy', NULL]::text[]", pa.list_(pa.string()), ["happy", None]),
]


@pytest.fixture
def kinds(postgres):
    postgres.run("CREATE TYPE mood AS ENUM ('happy')", "CREATE DOMAIN price AS numeric(8, 3)")
    return postgres


def test_types_and_values_are_exact(kinds):
    resource = kinds.resource()
    for expression, kind, value in TYPES:
        select = expression if " FROM " in expression else f"{expression} AS x"
        table = resource.read_table(f"SELECT {select}")
        assert table.schema.field(0).type == kind, expression
        assert table.column(0).to_pylist() == [value], expression
        assert table.schema.field(0).metadata is None, expression


def test_null_is_null_in_every_type(kinds):
    names = [
        "integer",
        "numeric(12,2)",
        "numeric",
        "uuid",
        "jsonb",
        "mood",
        "timestamptz",
        "date",
        "text[]",
        "price",
    ]
    columns = ", ".join(f"NULL::{name} AS c{n}" for n, name in enumerate(names))
    assert set(kinds.resource().read_table(f"SELECT {columns}").to_pylist()[0].values()) == {None}


def test_uuids_of_many_rows_keep_their_order_and_gaps(postgres):
    query = "SELECT CASE WHEN g % 3 > 0 THEN md5(g::text)::uuid END AS u, md5(g::text)::uuid::text AS t, g FROM generate_series(1, 5000) g"
    for row in postgres.resource().read_table(query).to_pylist():
        assert row["u"] == (row["t"] if row["g"] % 3 else None)


def test_uuids_of_a_slice_are_those_of_the_slice():
    values = [uuid.UUID(int=number) for number in range(5)]
    array = pa.array([value.bytes for value in values], pa.uuid())
    assert plain(array[2:4], pa.string()).to_pylist() == [str(value) for value in values[2:4]]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("'infinity'::timestamptz", "infinity"),
        ("'-infinity'::timestamp", "infinity"),
        ("'infinity'::date", "infinity"),
        ("ARRAY['infinity'::date]", "infinity"),
        ("1::money", "x::numeric"),
        ("'1.2.3.4'::inet", "x::text"),
        ("int4range(1, 2)", "x::text"),
        ("'NaN'::numeric", "NaN"),
        ("1e-30::numeric", "numeric"),
        ("1 AS x, 2", "several columns named x"),
    ],
)
def test_what_arrow_cannot_hold_is_refused_with_the_way_out(postgres, expression, said):
    with pytest.raises(RefusedDataError, match=said) as caught:
        postgres.resource().read_table(f"SELECT {expression} AS x")
    assert "[query: SELECT " in caught.value.description or "several" in said
    assert caught.value.allow_retries is False
    assert postgres.open_sessions() == 0


def test_numeric_type_follows_the_modifier():
    assert numeric_type((12 << 16 | 2) + 4) == pa.decimal128(12, 2)
    assert numeric_type(-1) == pa.decimal128(38, 18)
    with pytest.raises(RefusedDataError, match="more digits"):
        numeric_type((900 << 16 | 2) + 4)


def test_sessions_are_in_utc_whatever_the_server_says(postgres):
    assert postgres.rows("SHOW timezone") == [("America/New_York",)]
    table = postgres.resource().read_table("SELECT TIMESTAMPTZ '2026-01-01 03:00+00'::date AS day")
    assert table["day"].to_pylist() == [dt.date(2026, 1, 1)]


def test_parameters_are_bound_and_not_formatted(postgres):
    evil = "x'; DROP TABLE t; --"
    postgres.run(
        "CREATE TABLE t (id bigint, name text, at timestamptz)", "INSERT INTO t VALUES (1, 'a', now())"
    )
    table = postgres.resource().read_table(
        "SELECT id, CAST(:name AS text) AS name, '12:30' AS clock FROM t WHERE id = ANY(:ids) AND at > :since AND :id = id",
        {"name": evil, "ids": [1, 2], "since": MOMENT.replace(year=2020), "id": 1},
    )
    assert table.to_pylist() == [{"id": 1, "name": evil, "clock": "12:30"}]
    assert postgres.rows("SELECT count(*) FROM t") == [(1,)]


def test_a_query_without_parameters_is_sent_as_it_is(postgres):
    assert postgres.resource().read_table("SELECT ' :a %s' AS x;").to_pylist() == [{"x": " :a %s"}]


def test_sqlalchemy_selects_bring_their_values(postgres):
    postgres.run("CREATE TABLE t (id bigint)", "INSERT INTO t SELECT generate_series(1, 10)")
    table = sa.table("t", sa.column("id", sa.BigInteger))
    query = sa.select(table.c.id).where(table.c.id.in_([2, 3]), table.c.id > 2)
    assert postgres.resource().read_table(query)["id"].to_pylist() == [3]


@pytest.mark.parametrize(
    ("query", "params", "said"),
    [
        ("SELECT :a", {}, "no value for the parameters a"),
        ("SELECT 1", {"day": 1}, "no parameters day"),
        ("SELECT :day::date", {"day": 1}, "CAST"),
    ],
)
def test_parameters_and_query_must_fit(postgres, query, params, said):
    with pytest.raises(QueryError, match=said):
        postgres.resource().read(query, params)


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        (
            "SELECT * FROM order_linez",
            MissingRelationError,
            r'"order_linez" does not exist \(similar: order_lines\)',
        ),
        ("SELECT quantityy FROM order_lines", MissingRelationError, "order_lines.quantity"),
        ("SELECT 1 +", QueryError, "syntax error"),
        ("DELETE FROM order_lines", QueryError, "syntax error at or near .DELETE"),
        (
            "WITH d AS (DELETE FROM order_lines RETURNING 1) SELECT * FROM d",
            QueryError,
            "DECLARE CURSOR must not",
        ),
        ("SELECT 1 / quantity FROM order_lines", RefusedDataError, "division by zero"),
    ],
)
def test_errors_name_the_query_and_the_database(postgres, query, error, said):
    postgres.run("CREATE TABLE order_lines (quantity int)", "INSERT INTO order_lines VALUES (0)")
    with pytest.raises(error, match=said) as caught:
        postgres.resource().read(f"{query}\n  -- from an asset")
    assert f"[query: {query} -- from an asset]" in caught.value.description
    assert f"127.0.0.1:{postgres.port}/postgres" in caught.value.description
    assert caught.value.allow_retries is False
    assert postgres.open_sessions() == 0
    assert postgres.rows("SELECT count(*) FROM order_lines") == [(1,)]


def test_long_queries_are_cut_in_messages_and_whole_in_metadata(postgres):
    query = f"SELECT {'x' * 300}"
    with pytest.raises(MissingRelationError) as caught:
        postgres.resource().read(query)
    assert len(caught.value.description) < 420 + 300
    assert caught.value.metadata["query"].value == query


def test_a_privilege_that_is_missing_is_said(postgres):
    postgres.run(
        "CREATE TABLE t (id int)", "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'r'"
    )
    resource = postgres.resource(url=postgres.url(user="reader", password="r"))
    with pytest.raises(AccessDeniedError, match="permission denied for table t"):
        resource.read("SELECT * FROM t")


def test_a_statement_over_its_limit_is_stopped(postgres):
    with pytest.raises(ServerBusyError, match=r"statement timeout .*statement_timeout_seconds") as caught:
        postgres.resource(statement_timeout_seconds=0.1).read("SELECT pg_sleep(5)")
    assert caught.value.allow_retries is True


def test_a_slow_consumer_is_not_stopped_by_the_statement_limit(postgres):
    reader = postgres.resource(statement_timeout_seconds=2).read("SELECT generate_series(1, 2000) AS n")
    total = reader.read_next_batch().num_rows
    postgres.rows("SELECT pg_sleep(2.5)")
    assert total + sum(batch.num_rows for batch in reader) == 2000


def test_all_batches_see_one_moment(postgres):
    postgres.run("CREATE TABLE t AS SELECT generate_series(1, 3000) AS id")
    reader = postgres.resource().read("SELECT (SELECT count(*) FROM t) AS n, id FROM t")
    first = reader.read_next_batch().num_rows
    postgres.run("DELETE FROM t")
    assert first + sum(batch.num_rows for batch in reader) == 3000


def test_a_read_can_not_write_by_way_of_a_function(postgres):
    body = "CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING id'"
    postgres.run("CREATE TABLE t (id int)", body)
    with pytest.raises(QueryError, match="read-only transaction"):
        postgres.resource().read("SELECT sneaky() AS id")


def test_an_empty_result_has_its_schema(postgres):
    table = postgres.resource().read_table("SELECT 1::numeric(5,1) AS x, 'a' AS y WHERE false")
    assert table.schema == pa.schema([("x", pa.decimal128(5, 1)), ("y", pa.string())])
    assert table.num_rows == 0


def test_connections_close_when_read_dropped_or_never_started(postgres):
    resource = postgres.resource()
    reader = resource.read("SELECT generate_series(1, 5000) AS n")
    assert sum(batch.num_rows for batch in reader) == 5000
    assert postgres.open_sessions() == 0
    reader = resource.read("SELECT generate_series(1, 5000) AS n")
    reader.read_next_batch()
    assert postgres.open_sessions(1) == 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del reader
        gc.collect()
        assert postgres.open_sessions() == 0
        reader = resource.read("SELECT generate_series(1, 5000) AS n")
        del reader
        gc.collect()
    assert postgres.open_sessions() == 0
    assert [str(warning.message) for warning in told] == []


def test_pandas_frames_have_exact_decimals(postgres):
    frame = postgres.resource().read_pandas("SELECT 1.10::numeric(5,2) AS amount, 'EUR' AS currency")
    assert frame.to_dict("records") == [{"amount": Decimal("1.10"), "currency": "EUR"}]
