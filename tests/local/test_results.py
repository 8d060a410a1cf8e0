"""What the first run made, against SQL on the source that knows nothing of the assets' code.

Every asset, every partition, to the cent. The rates of exchange are the location's own: they are
input, not code under test.
"""

import datetime as dt
import json
from collections.abc import Sequence

import psycopg
import pyarrow as pa
import pytest

from slipway.graphql import AssetStatus
from support.platform import Platform

# The newest delivery of each order, its amount read and converted as the location's documentation says.
CLEAN = r"""
CREATE TEMPORARY TABLE clean AS
WITH newest AS (
    SELECT DISTINCT ON (order_id) * FROM orders ORDER BY order_id, received_at DESC, row_id DESC
), read AS (
    SELECT *, btrim(amount) AS text, upper(btrim(currency)) AS code, lower(btrim(status)) AS state,
        (ordered_at AT TIME ZONE 'UTC')::date AS day
    FROM newest
), numbered AS (
    SELECT *, round(CASE
        WHEN text ~ '^[+-]?\d+,\d{1,2}$' THEN replace(text, ',', '.')::numeric
        WHEN text ~ '^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$' THEN text::numeric END, 2) AS number
    FROM read
)
SELECT order_id, row_id, customer_id, day, state, round(number * rate, 2) AS euros
FROM numbered LEFT JOIN rates USING (code)
"""
SOLD = "coalesce(sum(euros) FILTER (WHERE state IS NULL OR state NOT IN ('cancelled', 'returned')), 0)"
RETURNED = "coalesce(sum(euros) FILTER (WHERE state = 'returned'), 0)"


@pytest.fixture(scope="module")
def source(platform: Platform) -> psycopg.Connection:
    """The order system's database, with the temporary table `clean`."""
    code = "import json; from orders.rates import EUR_RATES; print(json.dumps({k: str(v) for k, v in EUR_RATES.items()}))"
    rates = json.loads(platform.slipway("exec", "orders", "--", "python", "-c", code).stdout)
    connection = platform.connect("order_entry")
    connection.execute("SET timezone = 'UTC'")
    connection.execute("CREATE TEMPORARY TABLE rates (code text, rate numeric)")
    for code, rate in rates.items():
        connection.execute("INSERT INTO rates VALUES (%s, %s)", (code, rate))
    connection.execute(CLEAN)
    return connection


def rows(table: pa.Table, columns: Sequence[str]) -> list[tuple[object, ...]]:
    """Return the table's rows as Postgres would."""
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


@pytest.fixture(scope="module")
def days(last_day: dt.date) -> list[dt.date]:
    first = dt.date(2026, 1, 1)
    return [first + dt.timedelta(days=number) for number in range((last_day - first).days + 1)]


def assets(platform: Platform) -> dict[str, AssetStatus]:
    return {asset.name: asset for asset in platform.web.assets()["orders"]}


def test_raw_orders_is_the_feed(platform: Platform, source: psycopg.Connection) -> None:
    columns = [
        "row_id",
        "order_id",
        "customer_id",
        "ordered_at",
        "received_at",
        "status",
        "currency",
        "amount",
    ]
    expected = source.execute(f"SELECT {', '.join(columns)} FROM orders ORDER BY row_id").fetchall()
    assert rows(platform.table("raw_orders.parquet"), columns) == expected
    totals = source.execute(
        "SELECT row_id, count(line_number), coalesce(sum(quantity * unit_price), 0) "
        "FROM orders LEFT JOIN order_lines USING (order_id) GROUP BY row_id ORDER BY row_id"
    ).fetchall()
    assert rows(platform.table("raw_orders.parquet"), ["row_id", "lines", "lines_total"]) == totals


@pytest.mark.parametrize("asset", ["cleaned_orders", "silver_orders"])
def test_one_clean_row_per_order(platform: Platform, source: psycopg.Connection, asset: str) -> None:
    columns = ["order_id", "row_id", "customer_id", "day", "status", "amount_eur"]
    expected = source.execute(
        "SELECT order_id, row_id, customer_id, day, state, euros FROM clean ORDER BY order_id"
    ).fetchall()
    assert rows(platform.table(f"{asset}.parquet"), columns) == expected


def test_daily_revenue(platform: Platform, source: psycopg.Connection) -> None:
    expected = source.execute(
        f"SELECT day, count(*), {SOLD}, count(*) FILTER (WHERE state = 'returned'), {RETURNED}, "
        "count(*) FILTER (WHERE euros IS NULL) FROM clean GROUP BY day ORDER BY day"
    ).fetchall()
    columns = ["day", "orders", "revenue_eur", "returns", "returned_eur", "quarantined"]
    assert rows(platform.table("daily_revenue.parquet"), columns) == expected


def test_daily_orders_by_day(platform: Platform, source: psycopg.Connection, days: list[dt.date]) -> None:
    expected = source.execute("SELECT day, order_id, euros FROM clean ORDER BY day, order_id").fetchall()
    found = [
        row
        for day in days
        for row in rows(platform.table(f"daily_orders/{day}.parquet"), ["day", "order_id", "amount_eur"])
    ]
    assert found == expected


def test_spend_of_each_customer_by_day(
    platform: Platform, source: psycopg.Connection, days: list[dt.date]
) -> None:
    expected = source.execute(
        f"SELECT day, customer_id, count(*), {SOLD}, {RETURNED} FROM clean GROUP BY day, customer_id "
        "ORDER BY day, customer_id NULLS LAST"
    ).fetchall()
    columns = ["day", "customer_id", "orders", "spend_eur", "returned_eur"]
    found = [
        row
        for day in days
        for row in rows(platform.table(f"daily_revenue_partitioned/{day}.parquet"), columns)
    ]
    assert found == expected


def test_bronze_orders_by_day_of_arrival(
    platform: Platform, source: psycopg.Connection, days: list[dt.date]
) -> None:
    expected = source.execute(
        "SELECT (received_at AT TIME ZONE 'UTC')::date, row_id, amount FROM orders ORDER BY received_at, row_id"
    ).fetchall()
    found = [
        (day, *row)
        for day in days
        for row in rows(platform.table(f"bronze_orders/{day}.parquet"), ["row_id", "amount"])
    ]
    assert found == expected


def test_the_ui_knows_the_rows_and_partitions(
    platform: Platform, source: psycopg.Connection, days: list[dt.date]
) -> None:
    found = assets(platform)
    fed, ordered = source.execute("SELECT count(*), count(DISTINCT order_id) FROM orders").fetchone() or ()
    assert found["raw_orders"].rows == found["bronze_orders"].rows == fed
    assert (
        found["cleaned_orders"].rows == found["daily_orders"].rows == found["silver_orders"].rows == ordered
    )
    count = len(days)
    for name in ("daily_orders", "daily_revenue_partitioned", "bronze_orders"):
        assert found[name].materialized == count
        # There is one more after midnight.
        assert found[name].partitions in (count, count + 1)


def test_the_first_run_went_through_the_queue_and_the_daemon(platform: Platform) -> None:
    latest = platform.web.latest_run("slipway/first_run", "orders")
    assert latest is not None
    run, status = latest
    assert status == "SUCCESS"
    kinds = {event["__typename"] for event in platform.web.events(run)}
    assert {"RunEnqueuedEvent", "RunStartingEvent", "RunStartEvent", "RunSuccessEvent"} <= kinds
    assert "Launched 1 runs." in (platform.state.logs / "daemon.log").read_text()


def test_a_rerun_of_a_day_gives_the_same_bytes(platform: Platform, days: list[dt.date]) -> None:
    day = str(days[-2])
    folder = platform.state.s3 / "buckets" / "assets"
    files = [folder / name / f"{day}.parquet" for name in ("daily_orders", "daily_revenue_partitioned")]
    files += [folder / "bronze_orders" / f"{day}.parquet", folder / "silver_orders.parquet"]
    files += [folder / "raw_orders.parquet", folder / "daily_revenue.parquet"]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    run = platform.web.launch("orders", "daily_pipeline", {"dagster/partition": day})
    assert platform.wait_for_run(run) == "SUCCESS", platform.web.failure(run)
    for file, (content, written) in zip(files, before, strict=True):
        assert file.stat().st_mtime_ns > written, f"{file} was not written"
        assert file.read_bytes() == content, file


def test_the_checks_ran_and_the_demos_negative_amounts_are_shown(platform: Platform) -> None:
    checks = platform.web.ask(
        """{ assetNodes { assetChecksOrError { ... on AssetChecks { checks { name blocking
        executionForLatestMaterialization { evaluation { success severity } } } } } } }"""
    )
    found = {
        check["name"]: (check["blocking"], *check["executionForLatestMaterialization"]["evaluation"].values())
        for node in checks["assetNodes"]
        for check in node["assetChecksOrError"].get("checks", [])
        # Of the run that the test before this one launched. No file has landed, so that what is said of files has no
        # outcome yet.
        if check["executionForLatestMaterialization"]
    }
    assert found["orders_not_empty"] == (True, True, "ERROR")
    assert found["no_negative_amounts"] == (False, False, "WARN")
