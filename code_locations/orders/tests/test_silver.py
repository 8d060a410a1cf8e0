"""silver_orders by its watermark, against a rebuild and against SQL on the source."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import obstore
import pytest
from pipelines import Pipeline

from orders.defs.order_system import history, watermark
from orders.defs.order_system.merging import Merged, merge
from orders.demo.history import History
from orders.demo.load import load
from slipway.testing.postgres import Database

UNTIL = date(2026, 1, 20)
DAYS = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(20)]
ALL = "SELECT DISTINCT ON (order_id) order_id, row_id FROM orders {} ORDER BY order_id, received_at DESC, row_id DESC"
"""Of each order the newest delivery."""


@pytest.fixture
def source(new_database) -> Database:
    """A source of the test's own, to be changed."""
    database = new_database("silver")
    load(database.url, History(orders=1500, seed=5, until=UNTIL), replace=False, say=lambda _: None)
    return database


@pytest.fixture
def pipeline(source: Database, tmp_path: Path) -> Pipeline:
    return Pipeline(source, tmp_path / "assets", assets=("bronze_orders", "silver_orders"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The objects that are read, by path."""
    paths: list[str] = []
    get = obstore.get

    def noted(store, path, **options):
        paths.append(path)
        return get(store, path, **options)

    monkeypatch.setattr(obstore, "get", noted)
    return paths


def bytes_of(pipeline: Pipeline) -> bytes:
    return (pipeline.folder / "silver_orders.parquet").read_bytes()


def rebuilt(pipeline: Pipeline) -> bytes:
    """Make silver anew of all of bronze and return its bytes."""
    result = pipeline.materialize("silver_orders", {"full_refresh": True})
    assert said(result)["mode"] == "rebuilt"
    return bytes_of(pipeline)


def said(result: dg.ExecuteInProcessResult) -> dict:
    (event,) = result.asset_materializations_for_node("silver_orders")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_day_reads_the_window_only_and_gives_the_bytes_of_a_rebuild(
    pipeline: Pipeline, source: Database, read: list[str]
) -> None:
    pipeline.run(DAYS[0], DAYS[15])
    for day in DAYS[16:18]:
        read.clear()
        numbers = said(pipeline.run_day(day))
        wanted = DAYS[DAYS.index(day) - 4 : DAYS.index(day) + 1]
        assert {path for path in read if path.startswith("bronze")} == {
            f"bronze_orders/{each}.parquet" for each in wanted
        }
        assert len(read) <= 2 * (len(wanted) + 1)
        assert (numbers["mode"], numbers["days_read"], numbers["days_before_window"]) == ("merged", 5, [])
        assert numbers["orders_inserted"] > 0
    expected = source.rows(ALL.format("WHERE received_at < '2026-01-19'"))
    assert [(row[1], row[0]) for row in pipeline.rows("silver_orders")] == expected
    assert bytes_of(pipeline) == rebuilt(pipeline)


def test_a_replay_gives_the_same_bytes_and_says_that_nothing_was_new(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[9])
    before = bytes_of(pipeline)
    for _ in range(2):
        numbers = said(pipeline.materialize("silver_orders"))
        assert (numbers["mode"], numbers["orders_inserted"], numbers["orders_updated"]) == ("merged", 0, 0)
        assert numbers["orders_same"] > 0
        assert bytes_of(pipeline) == before


def test_days_filled_out_of_order_give_the_same_bytes(
    pipeline: Pipeline, source: Database, tmp_path: Path
) -> None:
    for day in (DAYS[12], DAYS[3], DAYS[13], DAYS[0], DAYS[7]):
        numbers = said(pipeline.run_day(day))
    assert numbers["days_before_window"] == [DAYS[7]]
    numbers = said(pipeline.run(DAYS[1], DAYS[14]))
    assert numbers["days_before_window"] == DAYS[1:10]
    whole = Pipeline(source, tmp_path / "whole", assets=("bronze_orders", "silver_orders"))
    assert said(whole.run(DAYS[0], DAYS[14]))["mode"] == "rebuilt"
    assert bytes_of(pipeline) == bytes_of(whole)


def test_an_old_day_that_was_filled_again_without_silver_is_merged_and_warned_of(
    pipeline: Pipeline, source: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline.run(DAYS[0], DAYS[15])
    day = "received_at >= '2026-01-03' AND received_at < '2026-01-04'"
    # A correction in place, and a row that reached the source long after its time.
    source.run(
        f"UPDATE orders SET amount = '4711.00' WHERE row_id = (SELECT min(row_id) FROM orders WHERE {day})"
    )
    source.run(
        "INSERT INTO orders (row_id, order_id, ordered_at, received_at, currency, amount) VALUES "
        "(900000, 900000, '2026-01-02 23:00Z', '2026-01-03 01:00Z', 'EUR', '1')"
    )
    pipeline.materialize("bronze_orders", partition=DAYS[2])
    numbers = said(pipeline.run_day(DAYS[16]))
    assert (numbers["mode"], numbers["days_before_window"]) == ("merged", [DAYS[2]])
    assert (
        "1 days of bronze_orders before the window were materialized since the last run"
        in capfd.readouterr().err
    )
    assert 900000 in {row[1] for row in pipeline.rows("silver_orders")}
    assert bytes_of(pipeline) == rebuilt(pipeline)
    assert said(pipeline.run_day(DAYS[16]))["days_before_window"] == []


def test_a_lost_table_is_made_anew(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[9])
    before = bytes_of(pipeline)
    (pipeline.folder / "silver_orders.parquet").unlink()
    numbers = said(pipeline.materialize("silver_orders"))
    assert (numbers["mode"], numbers["reason"]) == ("rebuilt", "there is no table yet")
    assert bytes_of(pipeline) == before


def test_a_restored_table_goes_on_from_its_own_watermark(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[5], DAYS[9])
    backup = bytes_of(pipeline)
    pipeline.run(DAYS[0], DAYS[1])
    pipeline.run_day(DAYS[10])
    expected = bytes_of(pipeline)
    (pipeline.folder / "silver_orders.parquet").write_bytes(backup)
    numbers = said(pipeline.materialize("silver_orders"))
    assert (numbers["mode"], numbers["days_before_window"]) == ("merged", DAYS[:2])
    assert bytes_of(pipeline) == expected


def test_a_table_that_no_known_run_made_is_made_anew(pipeline: Pipeline, source: Database) -> None:
    pipeline.run(DAYS[0], DAYS[9])
    expected = bytes_of(pipeline)
    elsewhere = Pipeline(source, pipeline.folder, assets=("bronze_orders", "silver_orders"))
    numbers = said(elsewhere.materialize("silver_orders"))
    assert numbers["mode"] == "rebuilt"
    assert numbers["reason"].startswith("no materialization is known")
    assert bytes_of(pipeline) == expected


def test_changed_cleaning_makes_all_rows_anew(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.run(DAYS[0], DAYS[5])
    monkeypatch.setattr(watermark, "_cleaning_version", lambda: "another")
    assert said(pipeline.materialize("silver_orders"))["mode"] == "rebuilt"
    assert said(pipeline.materialize("silver_orders"))["mode"] == "merged"


def test_deliveries_taken_out_of_bronze_are_kept_counted_and_gone_after_a_full_refresh(
    pipeline: Pipeline, source: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline.run(DAYS[0], DAYS[9])
    (victim,) = source.rows(
        "SELECT order_id FROM orders WHERE received_at >= '2026-01-05' GROUP BY 1 HAVING count(*) = 1 LIMIT 1"
    )
    source.run(f"DELETE FROM orders WHERE order_id = {victim[0]}")
    numbers = said(pipeline.run(DAYS[0], DAYS[9]))
    assert numbers["orders_gone_from_bronze"] == 1
    assert "full_refresh: true" in capfd.readouterr().err
    assert victim[0] in {row[1] for row in pipeline.rows("silver_orders")}
    rebuilt(pipeline)
    assert victim[0] not in {row[1] for row in pipeline.rows("silver_orders")}


def test_a_table_that_lost_orders_stops_the_run_and_is_made_anew_by_the_next(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run(DAYS[0], DAYS[9])

    def losing(*arguments) -> Merged:
        merged = merge(*arguments)
        return replace(merged, table=merged.table.slice(1))

    with monkeypatch.context() as patch:
        patch.setattr(history, "merge", losing)
        result = pipeline.run(DAYS[10], DAYS[10], fails=True)
        (failed,) = [each for each in result.get_asset_check_evaluations() if not each.passed]
        assert (failed.check_name, failed.severity) == ("holds_what_was_read", dg.AssetCheckSeverity.ERROR)
    assert said(pipeline.materialize("silver_orders"))["mode"] == "rebuilt"
    assert bytes_of(pipeline) == rebuilt(pipeline)


def test_without_any_day_it_fails_and_is_not_retried(pipeline: Pipeline) -> None:
    with pytest.raises(dg.Failure, match="no partition of bronze_orders has been materialized yet") as error:
        pipeline.materialize("silver_orders")
    assert not error.value.allow_retries
