"""Partitions of a table that are replaced: as a whole, by one run at a time, or not at all."""

import datetime as dt
import threading
import time
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from slipway.resources.postgres import ReplacedPartition
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


def test_what_is_no_frame_is_refused(revenue):
    with pytest.raises(RefusedDataError, match=r"list can't be written.*pandas DataFrame"):
        revenue.resource().replace_partition("revenue", [1, 2], **ONE_DAY)
