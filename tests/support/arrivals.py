"""What tests ask about files that land: their runs, the verdicts on them, the sensor's ticks."""

import time
from collections.abc import Callable
from typing import Any

import obstore
from obstore.store import S3Store

from support.platform import Platform

SENSOR = {
    "repositoryLocationName": "orders",
    "repositoryName": "__repository__",
    "sensorName": "landing_sensor",
}
_RUNS = """query ($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs {
  results { runId status tags { key value } } } } }"""
_TICKS = """query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor {
  sensorState { status ticks(limit: 1) { timestamp status cursor } } } } }"""
_VERDICTS = """{ assetCheckExecutions(assetKey: {path: ["landed_orders"]}, checkName: "file_was_good", limit: 100) {
  runId status evaluation { success severity description } } }"""


class Arrivals:
    """The landing zone of a platform, from outside."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        settings = platform.settings("orders")
        self.bucket = S3Store(
            "landing",
            endpoint=settings["AWS_ENDPOINT_URL"],
            access_key_id=settings["AWS_ACCESS_KEY_ID"],
            secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            region=settings["AWS_REGION"],
            client_options={"allow_http": True},
        )

    def keys(self, prefix: str) -> list[str]:
        return sorted(found["path"] for page in obstore.list(self.bucket, prefix) for found in page)

    def runs(self, prefix: str) -> dict[str, list[dict[str, Any]]]:
        """Return the runs for files below `prefix` by key; of one that was retried the last attempt."""
        asked = {"pipelineName": "land_orders"}
        found: dict[str, list[dict[str, Any]]] = {}
        for run in self.platform.web.ask(_RUNS, filter=asked)["runsOrError"]["results"]:
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            key = tags.get("slipway/s3_key", "")
            if key.startswith(prefix) and "dagster/auto_retry_run_id" not in tags:
                found.setdefault(key, []).append({**run, "tags": tags})
        return found

    def ended(self, prefix: str, count: int) -> dict[str, list[dict[str, Any]]]:
        """Wait until there are `count` runs for files below `prefix` and all have ended; return them."""

        def done() -> dict[str, list[dict[str, Any]]] | None:
            found = self.runs(prefix)
            every = [run for runs in found.values() for run in runs]
            going = [
                run
                for run in every
                if run["status"] not in ("SUCCESS", "FAILURE", "CANCELED")
                or (run["status"] == "FAILURE" and run["tags"].get("dagster/will_retry") == "true")
            ]
            return found if len(every) >= count and not going else None

        return self.wait(done, lambda: f"{self.runs(prefix)}, {self.tick()}")

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Return the newest evaluations of the check, by run."""
        found = self.platform.web.ask(_VERDICTS)["assetCheckExecutions"]
        return {each["runId"]: each for each in found}

    def tick(self) -> dict[str, Any]:
        ticks = self.platform.web.ask(_TICKS, sensor=SENSOR)["sensorOrError"]["sensorState"]["ticks"]
        return ticks[0] if ticks else {"timestamp": 0.0, "status": "", "cursor": None}

    def next_tick(self) -> dict[str, Any]:
        """Wait until a tick that begins after now has ended, and return it."""
        begun = time.time()

        def later() -> dict[str, Any] | None:
            tick = self.tick()
            return tick if tick["timestamp"] > begun and tick["status"] != "STARTED" else None

        return self.wait(later, lambda: str(self.tick()))

    @staticmethod
    def wait(condition: Callable[[], Any], said: Callable[[], str], seconds: float = 300) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, said()
            time.sleep(0.5)
        return found
