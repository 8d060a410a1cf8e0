"""Which runs `landing_sensor` asks for, tick by tick, on a real S3 endpoint."""

import json
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
    for name in "bcdef":
        zone.put(f"orders/{name}.csv", b"1")
    assert keys(zone.tick()) == ["orders/b.csv", "orders/c.csv"]
    zone.put("orders/a.csv", b"1")
    zone.put("orders/b.csv", b"new")
    zone.put("orders/dd.csv", b"1")
    found = [keys(zone.tick()) for _ in range(4)]
    assert found == [
        ["orders/d.csv", "orders/dd.csv"],
        ["orders/e.csv", "orders/f.csv"],
        [],
        ["orders/a.csv", "orders/b.csv"],
    ]


def test_a_tick_that_is_not_recorded_loses_nothing(zone: Zone) -> None:
    zone.put("orders/a.csv", b"1")
    record, zone.record = zone.record, lambda _: None
    before = zone.cursor
    assert keys(zone.tick()) == ["orders/a.csv"]
    zone.record, zone.cursor = record, before
    assert keys(zone.tick()) == ["orders/a.csv"]
    zone.cursor = before
    assert zone.tick() == []


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


def test_the_cursor_stays_small(zone: Zone) -> None:
    limit(zone, objects=1)
    for number in range(3):
        zone.put(f"orders/{number}{'ü' * 400}.csv", b"1")
    zone.tick()
    assert len((zone.cursor or "").encode()) < 1500


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
    assert read({}) == ArrivalSettings("orders", 30, 256 * 1024**2, "", 3600)
    assert read({"ORDERS_LANDING_PREFIX": "/in/shop/"}).prefix == "in/shop"
    assert read({"ORDERS_LANDING_INTERVAL_SECONDS": "5"}).interval_seconds == 5
    with pytest.raises(ValueError, match="ORDERS_LANDING_MAX_BYTES='5 GB'"):
        read({"ORDERS_LANDING_MAX_BYTES": "5 GB"})
    with pytest.raises(ValueError, match="other than quarantine/"):
        read({"ORDERS_LANDING_PREFIX": "quarantine/x"})
