"""A webserver's answers, to be composed: what the real one says is tests/long/test_alerts.py's business."""

from collections.abc import Iterator
from typing import Any

from slipway.alerts.client import ASSETS, BACKFILLS, LOOK, NoAnswerError, RejectedError


class Dagster:
    """Stands for `client.Client`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.runs: list[dict[str, Any]] = []
        self.run_events: dict[str, list[dict[str, Any]]] = {}
        self.ticks: list[dict[str, Any]] = []
        self.missed: list[dict[str, Any]] = []
        self.sensing = "RUNNING"
        self.broken = ""
        self.heartbeats: dict[str, float | None] = {"SENSOR": None, "SCHEDULER": None}
        self.late: list[str] = []
        self.silent = ""
        self.asked: list[dict[str, Any]] = []
        self.assets = ["raw", "daily"]
        self.checks = ["complete"]
        self.evaluations: list[dict[str, Any]] = []
        self.pages = 0
        self.backfills: list[dict[str, Any]] = []
        self.refuses_checks = False

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        if self.silent:
            raise NoAnswerError(self.silent)
        if query == ASSETS:
            upstream = {"raw": [], "daily": ["raw"]}
            return {"assetNodes": [self._asset(name, upstream[name]) for name in self.assets]}
        if query == BACKFILLS:
            return {"partitionBackfillsOrError": {"results": self._backfills(**variables)}}
        self.asked.append(variables)
        wanted = variables.get("ids")
        runs = [run for run in self.runs if wanted is None or run["runId"] in wanted]
        found = [run for run in runs if run["updateTime"] > (variables.get("updated") or 0)]
        answer: dict[str, Any] = {"runsOrError": {"results": found[::-1]}}
        if query == LOOK:
            answer |= {
                "workspaceOrError": {"locationEntries": [self._location(missed=variables["missed"])]},
                "instance": {"daemonHealth": {"allDaemonStatuses": self._daemons()}},
            }
        return answer

    def details(self, run_id: str, *, steps: bool) -> dict[str, Any]:
        run = next(run for run in self.runs if run["runId"] == run_id)
        done = [{"stepKey": key, "status": "SUCCESS", "endTime": run["endTime"]} for key in run["succeeded"]]
        return {
            "assetChecks": [{}] if self.run_events.get(run_id) else [],
            "stepStats": done if steps else None,
        }

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        yield from self.run_events.get(run_id, [])

    def executions(self, checks: Any, limit: int, before: str | None = None) -> list[list[dict[str, Any]]]:
        if self.refuses_checks:
            raise RejectedError("Asset checks require an instance migration")
        self.pages += 1
        return [
            [
                execution
                for execution in reversed(self.evaluations)
                if execution["of"] == (tuple(path), name)
                and (before is None or int(execution["id"]) < int(before))
            ][:limit]
            for path, name in checks
        ]

    def location_of_backfill(self, _backfill: str) -> str:
        return "orders"

    def report(self, *, success: bool, run: str = "", **more: Any) -> None:
        """Add an evaluation of the check `complete` that is reported from outside, or that a run makes."""
        self.evaluations.append(
            {
                "of": (("raw",), "complete"),
                "id": str(len(self.evaluations) + 1),
                "runId": run,
                "timestamp": self.now,
                "evaluation": evaluation(success=success, **more)["evaluation"],
            }
        )

    def end_backfill(self, status: str, message: str = "", partitions: int = 10, **tags: str) -> str:
        """Add a backfill of `raw` that was launched a minute ago and has just ended."""
        error = {"className": "DagsterAssetBackfillDataLoadError", "message": message, "causes": []}
        self.backfills.append(
            {
                "id": f"backfill-{len(self.backfills)}",
                "status": status,
                "timestamp": self.now - 60,
                "endTimestamp": self.now,
                "numPartitions": partitions,
                "jobName": None,
                "assetSelection": [{"path": ["raw"]}],
                "tags": [{"key": f"dagster/{key}", "value": value} for key, value in tags.items()],
                "error": error if message else None,
            }
        )
        return self.backfills[-1]["id"]

    def _backfills(self, statuses: list[str], created: float, cursor: str | None) -> list[dict[str, Any]]:
        newest_first = self.backfills[::-1]
        if cursor:
            newest_first = newest_first[[each["id"] for each in newest_first].index(cursor) + 1 :]
        found = [each for each in newest_first if each["status"] in statuses and each["timestamp"] > created]
        return found[:100]

    def end_run(
        self, status: str, *events: dict[str, Any], succeeded: tuple[str, ...] = (), **tags: str
    ) -> str:
        """Add a run that has just ended."""
        run_id = f"run-{len(self.runs)}"
        self.runs.append(
            {
                "runId": run_id,
                "status": status,
                "jobName": "nightly",
                "startTime": self.now - 5,
                "endTime": self.now,
                "updateTime": self.now,
                "tags": [{"key": f"dagster/{key}", "value": value} for key, value in tags.items()],
                "repositoryOrigin": {"repositoryLocationName": "orders"},
                "assetSelection": None,
                "succeeded": succeeded,
            }
        )
        self.run_events[run_id] = list(events)
        return run_id

    def tag(self, run_id: str, key: str, value: str) -> None:
        run = next(run for run in self.runs if run["runId"] == run_id)
        run["tags"] = [tag for tag in run["tags"] if tag["key"] != f"dagster/{key}"]
        run["tags"].append({"key": f"dagster/{key}", "value": value})

    def tick(self, status: str, number: int, *, to: list[dict[str, Any]] | None = None) -> None:
        error = {"className": "OSError", "message": "OSError: the bucket can't be listed", "causes": []}
        (self.ticks if to is None else to).append(
            {
                "tickId": str(number),
                "status": status,
                "timestamp": self.now,
                "error": error if status == "FAILURE" else None,
            }
        )

    def _asset(self, name: str, upstream: list[str]) -> dict[str, Any]:
        return {
            "assetKey": {"path": [name]},
            "opNames": [name],
            "repository": {"location": {"name": "orders"}},
            "owners": [{"team": "alpha"}],
            "assetChecksOrError": {
                "checks": [{"name": check} for check in self.checks] if name == "raw" else []
            },
            "dependencyKeys": [{"path": [key]} for key in upstream],
            "freshnessStatusInfo": {
                "freshnessStatus": "DEGRADED" if name in self.late else "HEALTHY",
                "freshnessStatusMetadata": {"lastMaterializedTimestamp": self.now - 7300},
            },
        }

    def _location(self, *, missed: bool) -> dict[str, Any]:
        state = {"status": self.sensing, "ticks": self.ticks[-3:]} | (
            {"missed": self.missed} if missed else {}
        )
        loaded = {
            "__typename": "RepositoryLocation",
            "repositories": [
                {
                    "name": "__repository__",
                    "schedules": [],
                    "sensors": [{"name": "s", "owners": [], "sensorState": state}],
                }
            ],
        }
        error = {"__typename": "PythonError", "className": "E", "message": self.broken, "causes": []}
        return {
            "name": "orders",
            "loadStatus": "LOADED",
            "locationOrLoadError": error if self.broken else loaded,
        }

    def stop_daemon(self, *parts: str) -> None:
        """Let these parts, or all, give no heartbeat any more."""
        self.heartbeats |= dict.fromkeys(parts or self.heartbeats, self.now)

    def start_daemon(self) -> None:
        self.heartbeats = dict.fromkeys(self.heartbeats)

    def _daemons(self) -> list[dict[str, Any]]:
        beats = {part: self.now if beat is None else beat for part, beat in self.heartbeats.items()}
        return [
            {"daemonType": part, "required": True, "lastHeartbeatTime": beat} for part, beat in beats.items()
        ]


def step_failure(step: str, message: str, name: str = "ValueError") -> dict[str, Any]:
    cause = {"className": name, "message": f"{name}: {message}\n"}
    return {
        "__typename": "ExecutionStepFailureEvent",
        "stepKey": step,
        "message": "Execution of step failed.",
        "error": {"className": "DagsterExecutionStepExecutionError", "message": "x", "causes": [cause]},
    }


def evaluation(*, success: bool, severity: str = "ERROR", partition: str | None = None) -> dict[str, Any]:
    return {
        "__typename": "AssetCheckEvaluationEvent",
        "stepKey": "raw",
        "evaluation": {
            "checkName": "complete",
            "assetKey": {"path": ["raw"]},
            "success": success,
            "severity": severity,
            "description": "3 rows are lost",
            "partition": partition,
        },
    }
