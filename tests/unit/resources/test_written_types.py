"""Values on their way into a table: each type as it is read back, what is converted, and what is refused."""

import datetime as dt
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest

from slipway.resources.postgres.errors import (
    RefusedDataError,
)

DAY = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
NEXT = dt.datetime(2026, 1, 3, tzinfo=dt.UTC)

ROUND_TRIP = {
    "integer": [-1, None, 2**31 - 1],
    "bigint": [-(2**40), None, 1],
    "smallint": [-5, None, 1],
    "real": [0.5, None, -1.0],
    "double precision": [0.1, None, 1e300],
    "boolean": [True, None, False],
    "text": ["tab\t\\N", None, ""],
    "varchar(5)": ["ü", None, "abcde"],
    "bytea": [b"\x00\\", None, b""],
    "date": [dt.date(1900, 1, 1), None, dt.date(2262, 1, 1)],
    "time": [dt.time(1, 2, 3), None, dt.time(0)],
    "timestamp": [dt.datetime(1900, 1, 1), None, dt.datetime(2500, 1, 1)],  # noqa: DTZ001
    "timestamptz": [DAY, None, NEXT],
    "numeric(12,2)": [Decimal("1.25"), None, Decimal("-9999999999.99")],
    "numeric": [Decimal("1.250000000000000001"), None, Decimal(7)],
    "integer[]": [[1, None], None, []],
    "text[]": [["a", None], None, []],
    "json": ['{"a":  1}', None, "[]"],
    "jsonb": ['{"a": 1}', None, "[]"],
    "uuid": [str(uuid.UUID(int=7)), None, str(uuid.UUID(int=8))],
    "mood": ["happy", None, "sad"],
}


@pytest.mark.parametrize("kind", ROUND_TRIP)
def test_what_is_written_is_read_back(postgres, kind):
    postgres.run("CREATE TYPE mood AS ENUM ('happy', 'sad')", f"CREATE TABLE t (p int, x {kind})")
    table = pa.table({"p": [1, 1, 1], "x": ROUND_TRIP[kind]})
    postgres.resource().replace_partition("t", table, "p", equals=1)
    assert postgres.resource().read_table("SELECT x FROM t")["x"].to_pylist() == ROUND_TRIP[kind]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("bigint", pa.array([-1], pa.int32()), -1),
        ("integer", pa.array([7], pa.uint64()), 7),
        ("smallint", pa.array([7.0]), 7),
        ("numeric(12,2)", pa.array([0.1]), Decimal("0.10")),
        ("numeric", pa.array([0.1]), Decimal("0.1")),
        ("numeric(12,2)", pa.array([5]), Decimal("5.00")),
        ("numeric(12,2)", pa.array(["1.50"]), Decimal("1.50")),
        ("timestamptz", pa.array(["2026-01-02T00:00:00Z"]), DAY),
        ("timestamptz", pa.array([DAY.replace(tzinfo=None)]), DAY),
        ("timestamptz", pa.array([DAY], pa.timestamp("ns", "Europe/Warsaw")), DAY),
        ("date", pa.array([DAY.replace(tzinfo=None)]), DAY.date()),
        ("text", pa.array([5]), "5"),
        ("text", pa.array(["a"]).dictionary_encode(), "a"),
        ("text", pa.array(["a"], pa.large_string()), "a"),
        ("text", pa.array([None]), None),
        ("jsonb", pa.array([None]), None),
        ("integer", pa.array([None]), None),
        ("inet", pa.array(["1.2.3.4"]), "1.2.3.4"),
        ("price", pa.array([Decimal("1.5")]), Decimal("1.500")),
        ("integer[]", pa.array([[1]], pa.list_(pa.int64())), [1]),
    ],
)
def test_values_are_converted_where_nothing_is_lost(postgres, kind, values, expected):
    postgres.run("CREATE DOMAIN price AS numeric(8,3)", f"CREATE TABLE t (p int, x {kind})")
    postgres.resource().replace_partition("t", pa.table({"p": [1], "x": values}), "p", equals=1)
    cast = "::text" if kind == "inet" else ""
    found = postgres.resource().read_table(f"SELECT x{cast} AS x FROM t")["x"].to_pylist()
    assert found == [expected if kind != "inet" else "1.2.3.4/32"]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("smallint", pa.array([70_000]), "column x: int64 does not fit"),
        ("integer", pa.array([1.5]), "column x: double does not fit"),
        ("numeric(12,2)", pa.array([Decimal("1.005")]), "column x: decimal128"),
        ("numeric(5,2)", pa.array([123456]), "column x: int64"),
        ("varchar(2)", pa.array(["abc"]), "too long"),
        ("timestamptz", pa.array(["n/a"]), "n/a"),
        ("integer NOT NULL", pa.array([None], pa.int32()), "not-null|null value"),
        ("jsonb", pa.array([{"a": 1}]), "give it as text"),
        ("mood", pa.array(["angry"]), "angry"),
        ("date", pa.array([DAY.replace(hour=1, tzinfo=None)]), "column x"),
    ],
)
def test_values_that_do_not_fit_are_refused(postgres, kind, values, said):
    postgres.run(
        "CREATE TYPE mood AS ENUM ('happy')",
        f"CREATE TABLE t (p int, x {kind})",
        "INSERT INTO t VALUES (2)" if "NOT" not in kind else "SELECT 1",
    )
    with pytest.raises(RefusedDataError, match=said) as caught:
        postgres.resource().replace_partition("t", pa.table({"p": [1], "x": values}), "p", equals=1)
    assert caught.value.allow_retries is False
    assert postgres.rows("SELECT count(*) FROM t WHERE p = 1") == [(0,)]
