"""Which runs `landing_sensor` asks for, tick by tick, on a real S3 endpoint."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from landing_zone import Zone

from orders.defs.arrivals.sensor import build_landing_sensor
from orders.defs.arrivals.settings import ArrivalSettings
from slipway.resources import landing_scan
from slipway.resources.landing_scan import Limits


def keys(requests: list[dg.RunRequest]) -> list[str]:
    return [each.run_config["ops"]["landed_orders"]["config"]["s3_key"] for each in requests]


def limit(zone: Zone, **limits: float) -> None:
    zone.sensor = build_landing_sensor(ArrivalSettings(), Limits(**limits))


def test_each_version_is_asked_for_once(zone: Zone) -> None:
    version = zone.put("orders/b.csv", b"1")
    zone.put("elsewhere/b.csv", b"1")
    zone.put("orders/folder/", b"")
    (request,) = zone.tick()
    assert request.run_config == {
        "ops": {"landed_orders": {"config": {"s3_key": "orders/b.csv", "version": version}}}
    }
    assert request.run_key == f"s3://{zone.bucket}/orders/b.csv#{version}"
    assert zone.tick() == []
    # Overwritten, delivered again as it was, and a key in front of all that has been seen.
    zone.put("orders/b.csv", b"2")
    zone.put("orders/a.csv", b"1")
    assert keys(zone.tick()) == ["orders/a.csv", "orders/b.csv"]
    zone.put("orders/b.csv", b"2")
    zone.put("orders/b.csv", b"1")
    assert zone.tick() == []


def test_a_file_behind_the_place_reached_is_found_by_the_next_pass(zone: Zone) -> None:
    limit(zone, objects=2)
    for name in "bcdefg":
        zone.put(f"orders/{name}.csv", b"1")
    assert keys(zone.tick()) == ["orders/b.csv", "orders/c.csv"]
    assert keys(zone.tick()) == ["orders/d.csv", "orders/e.csv"]
    zone.put("orders/a.csv", b"1")
    zone.put("orders/b.csv", b"new")
    zone.put("orders/ff.csv", b"1")
    found = [keys(zone.tick()) for _ in range(4)]
    assert found == [
        ["orders/f.csv", "orders/ff.csv"],
        ["orders/g.csv"],
        [],
        ["orders/a.csv", "orders/b.csv"],
    ]


def test_runs_that_are_not_recorded_are_asked_for_again(zone: Zone) -> None:
    limit(zone, objects=2)
    for name in "abcd":
        zone.put(f"orders/{name}.csv", b"1")
    record, zone.record = zone.record, lambda _: None
    assert keys(zone.tick()) == ["orders/a.csv", "orders/b.csv"]
    zone.record = record
    # Whether the cursor was kept or not.
    assert keys(zone.tick()) == ["orders/a.csv", "orders/b.csv"]
    assert keys(zone.tick()) == ["orders/c.csv", "orders/d.csv"]
    assert zone.tick() == []


def test_a_file_that_can_not_be_taken_does_not_hold_up_others(zone: Zone) -> None:
    limit(zone, objects=1)
    record = zone.record
    zone.record = lambda request: None if "a.csv" in request.run_key else record(request)
    for name in "abc":
        zone.put(f"orders/{name}.csv", b"1")
    found = [keys(zone.tick()) for _ in range(landing_scan.PATIENCE + 3)]
    assert found == [["orders/a.csv"]] * landing_scan.PATIENCE + [["orders/b.csv"], ["orders/c.csv"], []]
    # The next pass asks for it again.
    assert keys(zone.tick()) == ["orders/a.csv"]


def test_files_wait_in_the_bucket_while_many_runs_wait(new_zone: Callable[..., Zone]) -> None:
    zone = new_zone(waiting_runs=3, files_per_tick=2)
    for name in "abcde":
        zone.put(f"orders/{name}.csv", b"1")
    assert [len(zone.tick()) for _ in range(4)] == [2, 1, 0, 0]
    for run in zone.instance.get_runs():
        zone.instance.report_run_canceled(run)
    assert keys(zone.tick()) == ["orders/d.csv", "orders/e.csv"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"since": "x"}', '{"since": null, "after": 3}'])
def test_a_cursor_that_can_not_be_read_begins_anew(zone: Zone, text: str) -> None:
    zone.put("orders/a.csv", b"1")
    zone.cursor = text
    assert keys(zone.tick()) == ["orders/a.csv"]


def test_a_pass_looks_back_as_far_as_uploads_take(zone: Zone) -> None:
    """A multipart upload carries the time it was begun."""
    client = zone.client
    zone.tick()
    begun = client.create_multipart_upload(Bucket=zone.bucket, Key="orders/m.csv")["UploadId"]
    part = client.upload_part(Bucket=zone.bucket, Key="orders/m.csv", UploadId=begun, PartNumber=1, Body=b"1")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    client.complete_multipart_upload(
        Bucket=zone.bucket, Key="orders/m.csv", UploadId=begun, MultipartUpload=parts
    )
    zone.put("orders/s.csv", b"1")
    position = json.loads(zone.cursor or "")
    for hours, expected in ((25, []), (2, ["orders/m.csv"]), (0.5, ["orders/s.csv"])):
        since = datetime.now(UTC) + timedelta(hours=hours)
        zone.cursor = json.dumps({**position, "since": since.isoformat()})
        assert keys(zone.tick()) == expected
    assert timedelta(hours=1) == landing_scan.MARGIN


def test_the_cursor_is_of_a_key_and_two_times_however_many_files_there_are(zone: Zone) -> None:
    limit(zone, objects=2)
    longest = f"orders/{'ü' * 500}"
    sizes = []
    for number in range(4):
        for name in "ab":
            zone.put(f"{longest}{number}{name}.csv", b"1")
        zone.tick()
        sizes.append(len((zone.cursor or "").encode()) - len(json.loads(zone.cursor or "")["after"].encode()))
    # What is not the key itself.
    assert max(sizes) < 150
    assert len(json.loads(zone.cursor or "")["after"].encode()) <= 1024


def test_it_is_on_from_the_first_deployment() -> None:
    sensor = build_landing_sensor(ArrivalSettings(interval_seconds=5))
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 5


def test_arrivals_are_no_part_of_the_daily_pipeline(zone: Zone) -> None:
    names = {
        key.to_user_string()
        for key in zone.defs.resolve_job_def("daily_pipeline").asset_layer.selected_asset_keys
    }
    assert "landed_orders" not in names
    assert "raw_orders" in names


def test_settings_are_read_from_the_environment() -> None:
    read = ArrivalSettings.read
    assert read({}) == ArrivalSettings("orders", 30, 256 * 1024**2, "", 3600, 100, 300)
    assert read({"ORDERS_LANDING_PREFIX": "/in/shop/"}).prefix == "in/shop"
    assert read({"ORDERS_LANDING_INTERVAL_SECONDS": "5"}).interval_seconds == 5
    assert read(
        {"ORDERS_LANDING_FILES_PER_TICK": "7", "ORDERS_LANDING_WAITING_RUNS": "8"}
    ) == ArrivalSettings(files_per_tick=7, waiting_runs=8)
    with pytest.raises(ValueError, match="ORDERS_LANDING_MAX_BYTES='5 GB'"):
        read({"ORDERS_LANDING_MAX_BYTES": "5 GB"})
    with pytest.raises(ValueError, match="other than quarantine/"):
        read({"ORDERS_LANDING_PREFIX": "quarantine/x"})
