"""What a look at the webserver means for what is open: each condition by itself, without a watcher around it."""

from typing import Any

import pytest

from slipway.alerts.catalog import Catalog
from slipway.alerts.causes import Ledger
from slipway.alerts.conditions import Conditions
from slipway.alerts.state import Memory
from slipway.alerts.ticks import take_repository

NOW = 10_000.0


@pytest.fixture
def conditions() -> Conditions:
    memory = Memory(began=0, polled=NOW, updated=NOW)
    found = Conditions(Catalog(), Ledger(), memory, daemon_stale_seconds=90, started=0)
    found.webserver_answers(0)
    return found


def opened(conditions: Conditions, *kinds: Any) -> set[str]:
    return conditions.ledger.open_subjects(*kinds)


def location(name: str, *, broken: bool = False, status: str = "LOADED") -> dict[str, Any]:
    error = {"__typename": "PythonError", "className": "E", "message": "E: no such column", "causes": []}
    loaded = {"__typename": "RepositoryLocation", "repositories": []}
    return {"name": name, "loadStatus": status, "locationOrLoadError": error if broken else loaded}


def test_a_location_that_is_loading_is_as_it_was(conditions: Conditions) -> None:
    conditions.take_locations([location("orders", broken=True), location("sales")], NOW)
    loading = [location("orders", status="LOADING"), location("sales", broken=True, status="LOADING")]
    conditions.take_locations(loading, NOW + 5)
    assert opened(conditions, "location") == {"location:orders"}


def test_a_location_that_was_removed_is_no_trouble_any_more(conditions: Conditions) -> None:
    conditions.take_locations([location("orders", broken=True), location("sales", broken=True)], NOW)
    conditions.take_locations([location("sales", broken=True)], NOW + 5)
    assert opened(conditions, "location") == {"location:sales"}


def beat(part: str, age: float | None, *, required: bool = True) -> dict[str, Any]:
    return {
        "daemonType": part,
        "required": required,
        "lastHeartbeatTime": None if age is None else NOW - age,
    }


def test_a_part_that_nobody_needs_may_be_dead(conditions: Conditions) -> None:
    conditions.take_daemons([beat("SENSOR", 5), beat("BACKFILL", 900, required=False)], NOW)
    assert opened(conditions, "daemon") == set()
    conditions.take_daemons([beat("SENSOR", 900), beat("BACKFILL", 5, required=False)], NOW)
    assert opened(conditions, "daemon") == {"daemon"}


def test_a_daemon_that_has_never_given_a_heartbeat_is_dead(conditions: Conditions) -> None:
    conditions.take_daemons([beat("SENSOR", None)], NOW)
    (cause,) = conditions.ledger.causes.values()
    assert cause.error.startswith("It has never given one")


def asset(name: str, status: str | None, place: str = "orders") -> dict[str, Any]:
    return {
        "assetKey": {"path": [name]},
        "owners": [],
        "repository": {"location": {"name": place}},
        "freshnessStatusInfo": {"freshnessStatus": status, "freshnessStatusMetadata": None},
    }


@pytest.mark.parametrize(
    ("status", "late"),
    [("DEGRADED", True), ("UNKNOWN", True), ("WARNING", False), ("HEALTHY", False), (None, False)],
)
def test_a_late_asset_is_late_until_its_policy_says_otherwise(
    conditions: Conditions, status: str | None, *, late: bool
) -> None:
    conditions.take_assets([asset("raw", "UNKNOWN"), asset("daily", "WARNING")], NOW, first=False)
    assert opened(conditions, "freshness") == set()
    conditions.take_assets([asset("raw", "DEGRADED")], NOW, first=False)
    conditions.take_assets([asset("raw", status)], NOW + 30, first=False)
    assert bool(opened(conditions, "freshness")) is late


def test_an_asset_that_is_gone_is_late_no_more_unless_its_location_is_broken(conditions: Conditions) -> None:
    conditions.take_assets([asset("raw", "DEGRADED"), asset("daily", "DEGRADED")], NOW, first=False)
    conditions.take_locations([location("orders", broken=True)], NOW)
    conditions.take_assets([], NOW + 30, first=False)
    assert opened(conditions, "freshness") == {"freshness:raw", "freshness:daily"}
    conditions.take_locations([location("orders")], NOW + 60)
    conditions.take_assets([asset("daily", "DEGRADED")], NOW + 60, first=False)
    assert opened(conditions, "freshness") == {"freshness:daily"}


def tick(number: int, status: str) -> dict[str, Any]:
    error = {"className": "OSError", "message": "OSError: the bucket can't be listed", "causes": []}
    return {
        "tickId": str(number),
        "status": status,
        "timestamp": NOW + number,
        "error": error if status == "FAILURE" else None,
    }


def repository(sensor: list[dict[str, Any]] | None, schedule: list[dict[str, Any]] | None) -> dict[str, Any]:
    def state(ticks: list[dict[str, Any]]) -> dict[str, Any]:
        return {"status": "RUNNING", "ticks": ticks}

    return {
        "name": "__repository__",
        "sensors": []
        if sensor is None
        else [{"name": "arrivals", "owners": [], "sensorState": state(sensor)}],
        "schedules": []
        if schedule is None
        else [{"name": "daily", "owners": [], "scheduleState": state(schedule)}],
    }


def test_schedules_fail_as_sensors_do(conditions: Conditions) -> None:
    failing = [tick(1, "FAILURE")]
    take_repository(conditions.ledger, conditions.memory, "orders", repository(failing, failing), NOW)
    assert opened(conditions, "sensor", "schedule") == {"sensor:orders/arrivals", "schedule:orders/daily"}
    well = [tick(2, "SUCCESS")]
    take_repository(conditions.ledger, conditions.memory, "orders", repository(failing, well), NOW + 5)
    assert opened(conditions, "sensor", "schedule") == {"sensor:orders/arrivals"}


def test_a_tick_that_ends_after_a_later_one_is_not_passed_over(conditions: Conditions) -> None:
    for first in ("STARTED", "FAILURE"):
        ticks = [tick(1, first), tick(2, "FAILURE")]
        take_repository(conditions.ledger, conditions.memory, "orders", repository(ticks, None), NOW)
    (cause,) = conditions.ledger.causes.values()
    assert cause.count == 2


def test_a_sensor_that_was_removed_fails_no_more_and_those_of_other_locations_go_on(
    conditions: Conditions,
) -> None:
    failing = [tick(1, "FAILURE")]
    for name in ("orders", "sales"):
        take_repository(conditions.ledger, conditions.memory, name, repository(failing, None), NOW)
    assert len(opened(conditions, "sensor")) == 2
    take_repository(conditions.ledger, conditions.memory, "orders", repository(None, None), NOW + 5)
    assert opened(conditions, "sensor") == {"sensor:sales/arrivals"}
    assert set(conditions.memory.ticks) == {"sensor:sales/arrivals"}


def test_a_sensor_that_fails_with_its_location_is_a_consequence(conditions: Conditions) -> None:
    take_repository(
        conditions.ledger, conditions.memory, "orders", repository([tick(1, "FAILURE")], None), NOW
    )
    (failing,) = conditions.ledger.causes.values()
    assert not conditions.ledger.is_covered(failing)
    conditions.take_locations([location("orders", broken=True)], NOW)
    assert conditions.ledger.is_covered(failing)


def test_a_part_of_the_daemon_has_time_until_its_heartbeats_could_be_seen(conditions: Conditions) -> None:
    conditions.webserver_silent("http://web", "ConnectError", NOW - 100)
    conditions.webserver_answers(NOW - 100)
    parts = [beat("SENSOR", 5), beat("SCHEDULER", 900)]
    conditions.take_daemons(parts, NOW)
    assert opened(conditions, "daemon") == set()
    conditions.answering_since = NOW - 200
    conditions.take_daemons(parts, NOW)
    assert opened(conditions, "daemon") == {"daemon:SCHEDULER"}
