import datetime as dt
import threading
import time
import uuid
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from slipway.resources.postgres import MergedRows, ReplacedPartition
from slipway.resources.postgres.errors import (
    ConnectionLostError,
    MissingRelationError,
    RefusedDataError,
    ServerBusyError,
)

DAY = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
NEXT = dt.datetime(2026, 1, 3, tzinfo=dt.UTC)
ONE_DAY = {"column": "at", "lower": DAY, "upper": NEXT}


@pytest.fixture
def revenue(postgres):
    """Three days, one row of 1.00 each."""
    postgres.run(
        "CREATE TABLE revenue (at timestamptz, customer bigint, amount numeric(12,2), loaded timestamptz DEFAULT now())",
        "INSERT INTO revenue (at, customer, amount) SELECT timestamptz '2026-01-01 12:00+00' + d * interval '1 day', d, 1 "
        "FROM generate_series(0, 2) d",
    )
    return postgres


@pytest.fixture
def customers(postgres):
    postgres.run(
        "CREATE TABLE customers (id bigint PRIMARY KEY, \"Full Name\" text, city text DEFAULT '?', extra json, changes int DEFAULT 0)",
        "INSERT INTO customers (id, \"Full Name\", extra) VALUES (1, 'Ada', '{\"a\": 1}'), (2, NULL, NULL)",
        "CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.changes = OLD.changes + 1; RETURN NEW; END $$",
        "CREATE TRIGGER changed BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION count_change()",
    )
    return postgres


def rows(*amounts, at=DAY):
    count = len(amounts)
    values = [Decimal(str(amount)) for amount in amounts]
    return pa.table(
        {
            "customer": list(range(count)),
            "amount": values,
            "at": pa.array([at] * count, pa.timestamp("us", "UTC")),
        }
    )


def contents(postgres):
    return postgres.rows("SELECT at::date::text, customer, amount FROM revenue ORDER BY 1, 2, 3")


def test_replacing_twice_leaves_the_same_rows(revenue):
    resource = revenue.resource()
    assert resource.replace_partition("revenue", rows(5, 7), **ONE_DAY) == ReplacedPartition(1, 2)
    once = contents(revenue)
    assert resource.replace_partition("revenue", rows(5, 7), **ONE_DAY) == ReplacedPartition(2, 2)
    assert contents(revenue) == once
    assert [row[2] for row in once] == [1, 5, 7, 1]
    assert revenue.open_sessions() == 0


def test_frames_tables_readers_and_batches_are_the_same(revenue):
    table = rows(5, 7)
    frame = table.to_pandas()
    unordered = frame[["amount", "at", "customer"]].set_axis([10, 3])
    for given in (table, frame, unordered, table.to_reader(), table.to_batches()[0]):
        revenue.resource().replace_partition("revenue", given, **ONE_DAY)
        assert [row[1:] for row in contents(revenue)] == [(0, 1), (0, 5), (1, 7), (2, 1)]


def test_no_rows_empty_the_partition(revenue):
    assert revenue.resource().replace_partition(
        "revenue", rows()[:0].cast(rows(1).schema), **ONE_DAY
    ) == ReplacedPartition(1, 0)
    assert len(contents(revenue)) == 2


def test_rows_outside_of_the_partition_are_refused_and_nothing_is_written(revenue):
    before = contents(revenue)
    strange = pa.concat_tables([rows(5), rows(6, at=NEXT), rows(6, at=None)])
    with pytest.raises(
        RefusedDataError,
        match=r"2 of 3 rows for revenue are outside .*at < 2026-01-03.*2026-01-03 00:00:00\+00, NULL",
    ):
        revenue.resource().replace_partition("revenue", strange, **ONE_DAY)
    assert contents(revenue) == before


def test_the_statement_limit_holds_again_for_the_move(revenue):
    revenue.run(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON revenue FOR EACH ROW EXECUTE FUNCTION dawdle()",
    )
    before = contents(revenue)
    with pytest.raises(ServerBusyError, match="statement timeout"):
        revenue.resource(statement_timeout_seconds=0.5).replace_partition("revenue", rows(5), **ONE_DAY)
    assert contents(revenue) == before


def test_a_partition_may_be_a_value(postgres):
    postgres.run(
        'CREATE TABLE "Sales" (country text, n int)', "INSERT INTO \"Sales\" VALUES ('PL', 1), ('DE', 1)"
    )
    frame = pd.DataFrame({"country": ["PL", "PL"], "n": [2, 3]})
    done = postgres.resource().replace_partition("public.Sales", frame, "country", equals="PL")
    assert done == ReplacedPartition(1, 2)
    assert postgres.rows('SELECT country, n FROM "Sales" ORDER BY n') == [("DE", 1), ("PL", 2), ("PL", 3)]
    with pytest.raises(RefusedDataError, match="outside of the partition country = DE, such as PL"):
        postgres.resource().replace_partition("Sales", frame, "country", equals="DE")
    with pytest.raises(RefusedDataError, match=r"1 of 1 rows .* such as NULL"):
        postgres.resource().replace_partition(
            "Sales", pd.DataFrame({"country": [None]}), "country", equals="DE"
        )


@pytest.mark.parametrize("hours", [-5, 0, 9])
def test_a_date_column_takes_the_dates_of_the_bounds(postgres, hours):
    zone = dt.timezone(dt.timedelta(hours=hours))
    postgres.run(
        "CREATE TABLE days (day date)",
        "INSERT INTO days VALUES ('2026-01-01'), ('2026-01-02'), ('2026-01-03')",
    )
    lower, upper = DAY.replace(tzinfo=zone), NEXT.replace(tzinfo=zone)
    table = pa.table({"day": [dt.date(2026, 1, 2)]})
    assert postgres.resource().replace_partition(
        "days", table, "day", lower=lower, upper=upper
    ) == ReplacedPartition(1, 1)
    with pytest.raises(ValueError, match="not midnight"):
        postgres.resource().replace_partition("days", table, "day", lower=lower.replace(hour=3), upper=upper)


@pytest.mark.parametrize(
    "bounds", [{}, {"lower": DAY}, {"lower": NEXT, "upper": DAY}, {"lower": DAY, "upper": NEXT, "equals": 1}]
)
def test_bounds_that_make_no_partition_are_refused(revenue, bounds):
    with pytest.raises(ValueError, match="partition of at"):
        revenue.resource().replace_partition("revenue", rows(1), "at", **bounds)


def test_concurrent_replaces_leave_the_rows_of_one(revenue):
    resource, errors = revenue.resource(), []

    def replace(number):
        try:
            resource.replace_partition("revenue", rows(*[number] * 200), **ONE_DAY)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = revenue.rows(
        "SELECT count(*), count(DISTINCT amount) FROM revenue WHERE customer < 200 AND amount > 1"
    )
    assert found == [(200, 1)]


def test_overlapping_partitions_wait_for_each_other(revenue):
    """A backfill of a range holds the table while the daily run of a day within it wants it."""
    with revenue.connect() as holder:
        holder.autocommit = False
        oid = holder.execute("SELECT 'revenue'::regclass::oid::int").fetchone()[0]
        holder.execute("SELECT pg_advisory_xact_lock(1397508432, %s)", (oid,))
        worker = threading.Thread(
            target=lambda: revenue.resource().replace_partition("revenue", rows(9), **ONE_DAY)
        )
        worker.start()
        worker.join(0.7)
        assert worker.is_alive()
        assert [row[2] for row in contents(revenue)] == [1, 1, 1]
        holder.rollback()
    worker.join()
    assert [row[2] for row in contents(revenue)] == [1, 9, 1]


def test_readers_see_old_or_new_and_never_less(revenue):
    resource, stop, seen = revenue.resource(), threading.Event(), set()

    def watch():
        with revenue.connect() as connection:
            while not stop.is_set():
                query = "SELECT count(*) FROM revenue WHERE at >= '2026-01-02Z' AND at < '2026-01-03Z'"
                seen.add(connection.execute(query).fetchone()[0])

    resource.replace_partition("revenue", rows(*[2] * 500), **ONE_DAY)
    watcher = threading.Thread(target=watch)
    watcher.start()
    while not seen:
        assert watcher.is_alive()
        time.sleep(0.05)
    for _ in range(8):
        resource.replace_partition("revenue", rows(*[3] * 500), **ONE_DAY)
    stop.set()
    watcher.join()
    assert seen == {500}


def test_a_stream_that_fails_raises_its_own_error_and_writes_nothing(revenue):
    def batches():
        yield rows(5).to_batches()[0]
        raise ZeroDivisionError("in the asset")

    before = contents(revenue)
    reader = pa.RecordBatchReader.from_batches(rows(5).schema, batches())
    with pytest.raises(ZeroDivisionError, match="in the asset"):
        revenue.resource().replace_partition("revenue", reader, **ONE_DAY)
    assert contents(revenue) == before
    assert revenue.open_sessions() == 0


def test_a_backend_killed_while_rows_are_sent_writes_nothing(revenue):
    def batches():
        for number in range(200):
            if number == 3:
                revenue.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipway'"
                )
            yield rows(*[5] * 5000).to_batches()[0]

    before = contents(revenue)
    reader = pa.RecordBatchReader.from_batches(rows(5).schema, batches())
    with pytest.raises(ConnectionLostError) as caught:
        revenue.resource().replace_partition("revenue", reader, **ONE_DAY)
    assert caught.value.allow_retries is True
    assert contents(revenue) == before
    assert revenue.open_sessions() == 0


def test_a_slow_producer_is_not_stopped_by_the_statement_limit(revenue):
    def batches():
        revenue.rows("SELECT pg_sleep(2.5)")
        yield rows(5).to_batches()[0]

    reader = pa.RecordBatchReader.from_batches(rows(5).schema, batches())
    resource = revenue.resource(statement_timeout_seconds=2)
    assert resource.replace_partition("revenue", reader, **ONE_DAY) == ReplacedPartition(1, 1)


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        ("revenues", "at", r"has no table revenues \(similar: revenue\)"),
        ("other.revenue", "at", "has no table other.revenue"),
        ("revenue", "att", r"revenue has no column att \(similar: at\)"),
    ],
)
def test_unknown_names_are_said_with_similar_ones(revenue, table, column, said):
    with pytest.raises(MissingRelationError, match=said):
        revenue.resource().replace_partition(table, rows(1), column, lower=DAY, upper=NEXT)


def test_columns_of_the_rows_must_exist(revenue):
    with pytest.raises(MissingRelationError, match=r"no column amout \(similar: amount\)"):
        revenue.resource().replace_partition(
            "revenue", rows(1).rename_columns(["customer", "amout", "at"]), **ONE_DAY
        )
    with pytest.raises(RefusedDataError, match="lack the partition's column at"):
        revenue.resource().replace_partition("revenue", rows(1).drop_columns(["at"]), **ONE_DAY)
    with pytest.raises(RefusedDataError, match="several columns named at"):
        revenue.resource().replace_partition(
            "revenue", rows(1).rename_columns(["at", "amount", "at"]), **ONE_DAY
        )


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


def test_what_is_no_frame_is_refused(revenue):
    with pytest.raises(RefusedDataError, match=r"list can't be written.*pandas DataFrame"):
        revenue.resource().replace_partition("revenue", [1, 2], **ONE_DAY)


def test_merge_inserts_updates_and_leaves_alone(customers):
    resource = customers.resource()
    given = pa.table({"id": [1, 2, 3], "Full Name": ["Ada", "Bob", "Cy"]})
    assert resource.merge("customers", given, ["id"]) == MergedRows(inserted=1, updated=1, unchanged=1)
    found = customers.rows('SELECT id, "Full Name", city, changes FROM customers ORDER BY id')
    assert found == [(1, "Ada", "?", 0), (2, "Bob", "?", 1), (3, "Cy", "?", 0)]
    assert resource.merge("customers", given, ["id"]) == MergedRows(0, 0, 3)
    assert customers.rows("SELECT sum(changes) FROM customers") == [(1,)]


def test_merge_compares_nulls_and_json(customers):
    given = pd.DataFrame({"id": [1, 2], "Full Name": [None, None], "extra": ['{"a": 1}', '{"b": 2}']})
    assert customers.resource().merge("customers", given, ["id"]) == MergedRows(0, 2, 0)
    assert customers.resource().merge("customers", given, ["id"]) == MergedRows(0, 0, 2)
    assert customers.rows('SELECT "Full Name" FROM customers') == [(None,), (None,)]


def test_merge_of_the_key_alone_inserts_what_is_missing(customers):
    assert customers.resource().merge("customers", pa.table({"id": [2, 9]}), ["id"]) == MergedRows(1, 0, 1)


def test_merge_on_several_columns(postgres):
    postgres.run(
        "CREATE TABLE t (day date, id int, n int, UNIQUE (id, day))",
        "INSERT INTO t VALUES ('2026-01-02', 1, 1)",
    )
    given = pa.table({"day": [DAY.date(), NEXT.date()], "id": [1, 1], "n": [5, 6]})
    assert postgres.resource().merge("t", given, ["day", "id"]) == MergedRows(1, 1, 0)
    assert postgres.rows("SELECT n FROM t ORDER BY day") == [(5,), (6,)]


def test_merge_refuses_keys_that_are_no_keys(customers):
    resource = customers.resource()
    with pytest.raises(
        RefusedDataError, match=r'same key \("id"\) more than once: \(7\) 2 times; \(8\) 3 times'
    ):
        resource.merge("customers", pa.table({"id": [7, 8, 7, 8, 8, 9]}), ["id"])
    with pytest.raises(RefusedDataError, match="NULL in the key"):
        resource.merge("customers", pa.table({"id": [7, None]}), ["id"])
    with pytest.raises(RefusedDataError, match=r'no unique index on exactly "city".*ADD UNIQUE \("city"\)'):
        resource.merge("customers", pa.table({"id": [7], "city": ["a"]}), ["city"])
    with pytest.raises(RefusedDataError, match="lack the key's columns id"):
        resource.merge("customers", pa.table({"city": ["a"]}), ["id"])
    with pytest.raises(MissingRelationError, match=r"no column idd \(similar: id\)"):
        resource.merge("customers", pa.table({"id": [7]}), ["idd"])
    with pytest.raises(ValueError, match="list of columns"):
        resource.merge("customers", pa.table({"id": [7]}), "id")
    assert customers.rows("SELECT count(*) FROM customers") == [(2,)]


def test_a_partial_or_wider_index_is_no_key(postgres):
    postgres.run(
        "CREATE TABLE t (a int, b int)",
        "CREATE UNIQUE INDEX ON t (a, b)",
        "CREATE UNIQUE INDEX ON t (a) WHERE b > 0",
    )
    with pytest.raises(RefusedDataError, match="no unique index"):
        postgres.resource().merge("t", pa.table({"a": [1]}), ["a"])
    postgres.run("CREATE UNIQUE INDEX ON t (a) INCLUDE (b)")
    assert postgres.resource().merge("t", pa.table({"a": [1]}), ["a"]) == MergedRows(1, 0, 0)


def test_concurrent_merges_neither_double_nor_deadlock(customers):
    resource, outcomes = customers.resource(), []

    def merge(order):
        outcomes.append(
            resource.merge("customers", pa.table({"id": order, "city": ["a"] * len(order)}), ["id"])
        )

    ids = list(range(1, 2001))
    threads = [threading.Thread(target=merge, args=(order,)) for order in (ids, ids[::-1], ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.inserted for outcome in outcomes) == [0, 0, 0, 1998]
    assert sum(outcome.updated for outcome in outcomes) == 2
