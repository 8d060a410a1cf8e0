"""What a run of `land_orders` does with one version of one file, on a real S3 endpoint."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_zone import DAY, Zone, as_csv, as_parquet, orders, table, written

from orders.defs.arrivals.assets import OUTCOME_TAG
from orders.defs.arrivals.faults import BadFileError
from orders.defs.arrivals.formats import read_rows
from orders.defs.arrivals.merging import merged
from orders.defs.arrivals.quarantine import quarantine_key
from orders.demo.drop import files
from slipway.resources import LandingBucket
from slipway.retries import Retries
from slipway.storage import ParquetIOManager

SUFFIXES = [f"{suffix}{packed}" for suffix in (".csv", ".jsonl", ".parquet") for packed in ("", ".gz")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_format_goes_into_the_days_it_is_of(zone: Zone, suffix: str) -> None:
    first, second = orders(1, 2, 7), orders(3, day=DAY + timedelta(days=2), amount="1,50", currency=None)
    version = zone.put(f"orders/a{suffix}", written(second + first, suffix))
    result = zone.run(f"orders/a{suffix}", version)
    assert zone.outcome(result) == "landed"
    assert zone.days() == ["2026-03-01", "2026-03-03"]
    assert zone.day("2026-03-01") == first
    assert zone.day("2026-03-03") == second
    materialized = result.asset_materializations_for_node("landed_orders")
    assert [each.partition for each in materialized] == ["2026-03-01", "2026-03-03"]
    assert materialized[0].metadata["s3_key"].value == f"orders/a{suffix}"
    assert materialized[0].metadata["dagster/partition_row_count"].value == 3
    assert zone.keys() == [f"orders/a{suffix}"]


def test_files_merge_by_order_the_same_in_any_order_and_any_number(zone: Zone, new_zone) -> None:
    corrected = orders(2, row=50, status="returned") + orders(2, row=50, status="cancelled")
    files = {"b": orders(1, 2, 3), "a": corrected, "c": orders(3, 4)}
    for name, rows in files.items():
        zone.put(f"orders/{name}.csv", as_csv(rows))
    for name in "bacab":
        zone.run(f"orders/{name}.csv")
    expected = zone.day("2026-03-01")
    assert [row["order_id"] for row in expected] == [1, 2, 3, 4]
    assert expected[1]["row_id"] == 52
    zone.client.delete_object(Bucket=zone.assets, Key="landed_orders/2026-03-01.parquet")
    for name in "cab":
        zone.run(f"orders/{name}.csv")
    assert zone.day("2026-03-01") == expected


def test_runs_that_write_a_day_at_once_lose_no_rows(zone: Zone) -> None:
    def write(number: int) -> None:
        manager = ParquetIOManager(base_url=f"s3://{zone.assets}", retry_seconds=20)
        for order in range(1 + number * 5, 6 + number * 5):
            rows = table(orders(order))
            manager.update(
                dg.AssetKey("landed_orders"), "2026-03-01", lambda stored, rows=rows: merged(stored, rows)
            )

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    assert [row["order_id"] for row in zone.day("2026-03-01")] == list(range(1, 21))


def test_today_is_taken_and_tomorrow_is_not(zone: Zone) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    zone.put("orders/a.csv", as_csv(orders(1, day=midnight - timedelta(seconds=2))))
    assert zone.outcome(zone.run("orders/a.csv")) == "landed"
    assert zone.days() == [f"{now:%Y-%m-%d}"]
    zone.put("orders/b.csv", as_csv(orders(1, day=midnight + timedelta(days=1))))
    assert zone.outcome(zone.run("orders/b.csv")) == "quarantined"


GOOD = as_csv(orders(*range(1, 200)))
PARQUET = as_parquet(orders(*range(1, 200)))
BAD = {
    "empty.csv": (b"", "empty", None, None),
    "empty.parquet": (b"", "empty", None, None),
    "header_cut.csv": (b"row_id,order", "truncated", None, 1),
    "cut.csv": (GOOD[:-5], "truncated", None, 200),
    "cut.jsonl": (written(orders(1, 2), ".jsonl")[:-9], "truncated", None, 2),
    "cut.csv.gz": (written(orders(1, 2), ".csv.gz")[:-9], "truncated", None, None),
    "cut.parquet": (PARQUET[:-100], "truncated", None, None),
    "cut.parquet.gz": (written(orders(1), ".parquet.gz")[:-9], "truncated", None, None),
    "no.csv.gz": (GOOD, "truncated", None, None),
    "columns.csv": (GOOD.replace(b"amount", b"total", 1), "wrong schema", "amount", 1),
    "fields.csv": (GOOD.replace(b"\n3,3,", b"\n3,", 1), "wrong schema", None, 4),
    "columns.jsonl": (written(orders(1), ".jsonl") + b'{"row_id": 1}\n', "wrong schema", "order_id", 2),
    "nested.jsonl": (
        written(orders(1), ".jsonl").replace(b'"EUR"', b'["EUR"]'),
        "wrong schema",
        "currency",
        1,
    ),
    "number.csv": (GOOD.replace(b"\n5,5,", b"\n5,5.5,", 1), "bad value", "order_id", 6),
    "time.csv": (GOOD.replace(b"10:00:09+00:00", b"10:00:09", 1), "bad value", "ordered_at", 10),
    "null.csv": (GOOD.replace(b"\n4,4,", b"\n4,,", 1), "bad value", "order_id", 5),
    "null.jsonl": (
        written(orders(1), ".jsonl").replace(b'"row_id": 1', b'"row_id": null'),
        "bad value",
        "row_id",
        1,
    ),
    "old.csv": (
        as_csv(orders(1) + orders(2, day=datetime(2025, 12, 31, tzinfo=UTC))),
        "bad value",
        "ordered_at",
        3,
    ),
    "latin.csv": (
        as_csv(orders(1, 2, status="zurück")).replace("ü".encode(), b"\xfc"),
        "wrong encoding",
        None,
        2,
    ),
    "utf16.csv": (GOOD.decode().encode("utf-16"), "wrong encoding", None, 1),
    "large.csv": (as_csv(orders(*range(1, 3000))), "too large", None, None),
    "bomb.csv.gz": (written(orders(*range(1, 3000)), ".csv.gz"), "too large", None, None),
    "orders.xlsx": (b"PK", "unknown format", None, None),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_set_aside_in_one_attempt(zone: Zone, name: str) -> None:
    content, reason, column, line = BAD[name]
    version = zone.put(f"orders/in/{name}", content)
    result = zone.run(f"orders/in/{name}", version)
    assert zone.outcome(result) == "quarantined"
    kinds = [event.event_type_value for event in result.all_events]
    assert "STEP_UP_FOR_RETRY" not in kinds
    assert zone.days() == []
    aside = f"quarantine/orders/in/{version}/{name}"
    assert zone.keys() == [aside, f"{aside}.reason.json"]
    assert zone.read(aside) == content
    said = json.loads(zone.read(f"{aside}.reason.json"))
    assert (said["reason"], said["column"], said["line"]) == (reason, column, line), said
    assert (said["version"], said["run_id"]) == (version, result.run_id)
    (check,) = result.get_asset_check_evaluations()
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.metadata["moved_to"].value == aside
    assert zone.instance.get_run_by_id(result.run_id).tags["slipway/landing"] == "quarantined"


def test_parquet_of_other_types_is_taken_or_named(zone: Zone) -> None:
    def put(column: str, kind: pa.DataType) -> str:
        rows = table(orders(1, 2))
        index = rows.schema.get_field_index(column)
        target = io.BytesIO()
        pq.write_table(rows.set_column(index, column, rows.column(column).cast(kind)), target)
        zone.put("orders/a.parquet", target.getvalue())
        return zone.outcome(zone.run("orders/a.parquet"))

    assert put("order_id", pa.int16()) == "landed"
    assert put("ordered_at", pa.timestamp("ns", "Europe/Berlin")) == "landed"
    assert put("amount", pa.decimal128(10, 2)) == "landed"
    assert zone.day("2026-03-01") == orders(1, 2)
    assert put("ordered_at", pa.timestamp("us")) == "quarantined"
    assert zone.reasons()["orders/a.parquet"]["column"] == "ordered_at"


def test_what_was_overwritten_has_no_effect(zone: Zone) -> None:
    old = zone.put("orders/a.csv", b"bad")
    new = zone.put("orders/a.csv", as_csv(orders(1)))
    result = zone.run("orders/a.csv", old)
    assert zone.outcome(result) == "superseded"
    run = zone.instance.get_run_by_id(result.run_id)
    assert run
    assert run.tags[OUTCOME_TAG] == "superseded"
    assert result.asset_materializations_for_node("landed_orders") == []
    assert zone.keys() == ["orders/a.csv"]
    assert zone.outcome(zone.run("orders/a.csv", new)) == "landed"


def test_what_was_taken_away_is_said(zone: Zone) -> None:
    result = zone.run("orders/a.csv", "0" * 32)
    assert zone.outcome(result) == "gone"
    (check,) = result.get_asset_check_evaluations()
    assert check.severity is dg.AssetCheckSeverity.WARN


def test_a_run_that_names_no_version_says_which_it_took(zone: Zone) -> None:
    version = zone.put("orders/a.csv", as_csv(orders(1)))
    (check,) = zone.run("orders/a.csv").get_asset_check_evaluations()
    assert check.metadata["version"].value == version


@pytest.mark.parametrize("request_name", ["copy_object", "delete_object"])
def test_a_quarantine_that_was_cut_off_is_completed(zone: Zone, monkeypatch, request_name: str) -> None:
    version = zone.put("orders/a.csv", b"bad")
    whole = LandingBucket.move_version

    def cut_off(self, found, to):
        if request_name == "delete_object":
            zone.client.copy_object(Bucket=zone.bucket, Key=to, CopySource=f"{zone.bucket}/{found.key}")
        raise dg.Failure("the process died", allow_retries=False)

    monkeypatch.setattr(LandingBucket, "move_version", cut_off)
    zone.run("orders/a.csv", version, fails=True)
    monkeypatch.setattr(LandingBucket, "move_version", whole)
    assert zone.outcome(zone.run("orders/a.csv", version)) == "quarantined"
    aside = quarantine_key("orders/a.csv", version)
    assert zone.keys() == [aside, f"{aside}.reason.json"]
    # And the process may have died just before it could say so.
    result = zone.run("orders/a.csv", version)
    assert zone.outcome(result) == "quarantined"
    assert zone.keys() == [aside, f"{aside}.reason.json"]


def test_a_newer_version_is_never_moved_with_the_bad_one(zone: Zone, monkeypatch) -> None:
    version = zone.put("orders/a.csv", b"bad")
    good = as_csv(orders(1))
    copied = LandingBucket.write

    def overwritten_meanwhile(self, key, data):
        copied(self, key, data)
        zone.put("orders/a.csv", good)

    monkeypatch.setattr(LandingBucket, "write", overwritten_meanwhile)
    assert zone.outcome(zone.run("orders/a.csv", version)) == "superseded"
    assert zone.read("orders/a.csv") == good


def test_a_store_that_does_not_answer_fails_the_run_and_leaves_the_file(zone: Zone, monkeypatch) -> None:
    version = zone.put("orders/a.csv", as_csv(orders(1)))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(Retries, "delay", lambda *_: 0)
    result = zone.run("orders/a.csv", version, fails=True)
    kinds = [event.event_type_value for event in result.all_events]
    assert kinds.count("STEP_RESTARTED") == 5
    monkeypatch.undo()
    assert zone.keys() == ["orders/a.csv"]


def test_the_demo_drops_what_it_says() -> None:
    now = datetime.now(UTC)
    found = {}
    for file in files(7, now.date() - timedelta(days=1)):
        try:
            rows = read_rows(io.BytesIO(file.content), file.name, 10_000_000, now)
            found[file.name] = f"{rows.num_rows} rows"
        except BadFileError as fault:
            found[file.name] = f"quarantined: {fault.reason}"
    assert found == {file.name: file.expected for file in files(7, now.date() - timedelta(days=1))}
    assert list(files(7, now.date())) == list(files(7, now.date()))
    assert len(set(found.values())) == 5
