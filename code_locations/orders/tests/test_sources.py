"""Sources that are not the demo: small, late, empty, of other types, incomplete."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from databases import make_tables
from pipelines import Pipeline

from orders.definitions import build_defs
from slipway.resources import PostgresResource
from slipway.storage import ParquetIOManager
from slipway.testing.postgres import Database


def test_late_and_corrected_orders_find_their_way(new_database, tmp_path: Path) -> None:
    source = new_database("late")
    make_tables(source)
    add = "INSERT INTO orders VALUES ({}, {}, 1, '{}', '{}', 'completed', 'EUR', '{}')"
    source.run(
        add.format(1, 10, "2026-01-02T10:00Z", "2026-01-02T10:01Z", "5"),
        add.format(2, 11, "2026-01-02T11:00Z", "2026-01-02T11:01Z", "7"),
    )
    pipeline = Pipeline(source, tmp_path)
    pipeline.run_day("2026-01-02")
    assert [row[1] for row in pipeline.rows("silver_orders")] == [10, 11]
    source.run(
        add.format(3, 12, "2026-01-02T23:59Z", "2026-01-04T00:00Z", "9"),
        add.format(4, 11, "2026-01-01T11:00Z", "2026-01-04T00:00Z", "6,50"),
    )
    before = pipeline.digests()
    pipeline.run_day("2026-01-03")
    assert before["silver_orders.parquet"] == pipeline.digests()["silver_orders.parquet"]
    pipeline.run_day("2026-01-04")
    assert [(row[1], str(row[9])) for row in pipeline.rows("silver_orders")] == [
        (10, "5.00"),
        (11, "6.50"),
        (12, "9.00"),
    ]
    # The days of the orders are right again once they are made again.
    pipeline.run("2026-01-01", "2026-01-02")
    assert [row[1] for row in pipeline.rows("daily_orders", "2026-01-01")] == [11]
    assert [row[1] for row in pipeline.rows("daily_orders", "2026-01-02")] == [10, 12]
    assert pipeline.rows("daily_orders", "2026-01-03") == []


def test_the_bytes_do_not_depend_on_where_the_rows_lie(new_database, tmp_path: Path) -> None:
    rows = [
        f"({number}, {10 - number % 3}, 1, '2026-01-02T10:00Z', '2026-01-02T1{number % 4}:30Z', 'shipped', 'EUR', '1')"
        for number in range(1, 9)
    ]
    digests = []
    for name, order in (("forwards", rows), ("backwards", rows[::-1])):
        source = new_database(name)
        make_tables(source)
        source.run(f"INSERT INTO orders VALUES {', '.join(order)}")
        pipeline = Pipeline(source, tmp_path / name)
        pipeline.run_day("2026-01-02")
        digests.append(pipeline.digests())
    assert digests[0] == digests[1]
    received = [(row[4], row[0]) for row in pipeline.rows("bronze_orders", "2026-01-02")]
    assert received == sorted(received)


def test_an_empty_source_stops_the_run_before_anything_is_made_of_it(new_database, tmp_path: Path) -> None:
    source = new_database("nothing")
    make_tables(source)
    result = Pipeline(source, tmp_path).run("2026-01-01", "2026-01-02", fails=True)
    (check,) = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (check.check_name, check.severity) == ("orders_not_empty", dg.AssetCheckSeverity.ERROR)
    assert "ORDERS_SOURCE_URL" in check.description
    assert not (tmp_path / "cleaned_orders.parquet").exists()
    assert not (tmp_path / "daily_revenue.parquet").exists()


def test_a_database_of_other_types_is_read_alike(new_database, tmp_path: Path) -> None:
    source = new_database("other_types")
    make_tables(source, "booked")
    source.run(
        "INSERT INTO booked VALUES (1, 10, 1, '2026-01-02T23:30-02', '2026-01-03T02:00Z', 'shipped', 'PLN', '5.5')",
        "INSERT INTO order_lines VALUES (10, 2, 2.75)",
        "CREATE VIEW orders AS SELECT row_id::smallint, order_id, customer_id, ordered_at AT TIME ZONE 'UTC' AS "
        "ordered_at, received_at, status, currency, amount::numeric FROM booked",
    )
    pipeline = Pipeline(source, tmp_path)
    pipeline.run("2026-01-02", "2026-01-03")
    (order,) = pipeline.rows("daily_orders", "2026-01-03")
    assert [str(value) for value in order[8:14]] == ["PLN", "5.50", "1.30", "None", "None", "1"]
    schema = pq.ParquetFile(tmp_path / "raw_orders.parquet").schema_arrow
    assert schema.field("order_id").type == pa.int64()
    assert schema.field("lines_total").type == pa.decimal128(18, 2)


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("raw_orders", ["order_lines", "orders.amount", "orders.received_at"]),
        ("daily_orders", ["order_lines", "orders.amount", "orders.received_at"]),
        ("bronze_orders", ["orders.amount", "orders.received_at"]),
    ],
)
def test_what_a_database_lacks_is_named(
    new_database, tmp_path: Path, asset: str, expected: list[str]
) -> None:
    source = new_database("lacking")
    make_tables(source)
    source.run("DROP TABLE order_lines", "ALTER TABLE orders RENAME amount TO amounts")
    source.run("ALTER TABLE orders DROP received_at")
    result = Pipeline(source, tmp_path).run("2026-01-01", "2026-01-01", fails=True)
    message = next(each for each in result.all_events if each.is_step_failure and each.step_key == asset)
    error = message.step_failure_data.error.message + str(message.step_failure_data.user_failure_data)
    for name in expected:
        assert name in error
    assert "amounts" in error


def test_silver_without_any_bronze_says_what_to_do(demo: Database, tmp_path: Path) -> None:
    pipeline = Pipeline(demo, tmp_path)
    result = pipeline.job.execute_in_process(
        instance=pipeline.instance,
        asset_selection=[dg.AssetKey("silver_orders")],
        partition_key="2026-01-01",
        raise_on_error=False,
    )
    assert not result.success
    (failure,) = [each.step_failure_data for each in result.all_events if each.is_step_failure]
    assert "dg launch --assets bronze_orders --partition" in failure.user_failure_data.description


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ORDERS_SOURCE_URL", raising=False)
    resources = {
        "source": PostgresResource(url=dg.EnvVar("ORDERS_SOURCE_URL")),
        "io_manager": ParquetIOManager(base_url=tmp_path.as_uri()),
    }
    job = build_defs(resources=resources).resolve_job_def("daily_pipeline")
    with pytest.raises(Exception, match="ORDERS_SOURCE_URL"):
        job.execute_in_process(partition_key="2026-01-01")
