"""Schedules and sensors of a platform for tests: switched on and off, and set back in time."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from slipway.environment import lent
from slipway.graphql import REPOSITORY
from support.platform import Platform

if TYPE_CHECKING:
    from dagster import DagsterInstance


@contextmanager
def opened_instance(platform: Platform) -> Iterator["DagsterInstance"]:
    """Open the Dagster instance of a platform as its daemon does."""
    from dagster import DagsterInstance  # noqa: PLC0415 - a second

    settings = {name: shlex.split(text)[0] for name, text in platform.settings("daemon").items() if text}
    with (
        lent({name: text for name, text in settings.items() if name.startswith("DAGSTER")}),
        DagsterInstance.from_config(str(platform.state.dagster_home)) as instance,
    ):
        yield instance


def start_schedule(platform: Platform, location: str, schedule: str) -> None:
    selector = _selector(location, "scheduleName", schedule)
    _switch(platform, _START_SCHEDULE, selector=selector)


def stop_schedule(platform: Platform, location: str, schedule: str) -> None:
    selector = _selector(location, "scheduleName", schedule)
    found = platform.web.ask(_SCHEDULE, selector=selector)["scheduleOrError"]
    _switch(platform, _STOP_SCHEDULE, id=found["id"])


def start_sensor(platform: Platform, location: str, sensor: str) -> None:
    _switch(platform, _START_SENSOR, selector=_selector(location, "sensorName", sensor))


def stop_sensor(platform: Platform, location: str, sensor: str, timeout: float = 120) -> None:
    """Stop a sensor between two ticks: one that is under way would write down that the sensor is on."""
    selector = _selector(location, "sensorName", sensor)
    deadline = time.monotonic() + timeout
    while not (found := platform.web.ask(_SENSOR, selector=selector)["sensorOrError"]["sensorState"])[
        "ticks"
    ]:
        assert time.monotonic() < deadline, platform.supervisor.log_tail("daemon")
        time.sleep(0.5)
    _switch(platform, _STOP_SENSOR, id=found["id"])


def set_back(platform: Platform, schedule: str, by: timedelta) -> None:
    """Let a schedule believe that it was started, and last looked at, that long ago."""
    from dagster._core.scheduler.instigation import ScheduleInstigatorData  # noqa: PLC0415 - a second

    when = (datetime.now(UTC) - by).timestamp()
    with opened_instance(platform) as instance:
        (state,) = [each for each in instance.all_instigator_state() if each.instigator_name == schedule]
        cron = state.instigator_data.cron_schedule
        data = ScheduleInstigatorData(cron, start_timestamp=when, last_iteration_timestamp=when)
        instance.update_instigator_state(state.with_data(data))


def _selector(location: str, kind: str, name: str) -> dict[str, str]:
    return {"repositoryLocationName": location, "repositoryName": REPOSITORY, kind: name}


def _switch(platform: Platform, mutation: str, **variables: Any) -> None:
    (answer,) = platform.web.ask(mutation, **variables).values()
    assert answer["__typename"] in _DONE, answer


_DONE = ("ScheduleStateResult", "Sensor", "StopSensorMutationResult")
_SCHEDULE = """query ($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
  ... on Schedule { id } } }"""
_SENSOR = """query ($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { ... on Sensor {
  sensorState { id ticks(limit: 1) { status } } } } }"""
_START_SCHEDULE = """mutation ($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) {
  __typename ... on PythonError { message } } }"""
_STOP_SCHEDULE = """mutation ($id: String!) { stopRunningSchedule(id: $id) {
  __typename ... on PythonError { message } } }"""
_START_SENSOR = """mutation ($selector: SensorSelector!) { startSensor(sensorSelector: $selector) {
  __typename ... on PythonError { message } } }"""
_STOP_SENSOR = (
    """mutation ($id: String!) { stopSensor(id: $id) { __typename ... on PythonError { message } } }"""
)
