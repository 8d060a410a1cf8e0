"""Launching, asking after and stopping a backfill, over GraphQL.

Does not belong here: waiting, and what a person sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.graphql import GraphQL
from slipway.local.backfill.plan import Target
from slipway.local.errors import LocalPlatformError

ACTIVE = ("REQUESTED", "CANCELING", "FAILING")
SUCCESS = "COMPLETED_SUCCESS"
LAUNCHED_BY_TAG = "slipway/launched_by"
_SHOWN_RUNS = 50


@dataclass(frozen=True)
class AssetProgress:
    """How far a backfill is with one asset, in partitions (1 without)."""

    name: str
    targeted: int
    materialized: int
    failed: int
    at_work: int


@dataclass(frozen=True)
class Progress:
    """How far a backfill is.

    Attributes:
        status: as GraphQL's BulkActionStatus; `ACTIVE` while it goes on.
        assets: in the order in which they are made.
        runs: how many there are by state: queued, going, succeeded, failed; retries count as runs of their own.
        began: seconds since the epoch.
        ended: the same, or None.
        error: why the backfill itself could not go on, not a run of it.
    """

    id: str
    status: str
    assets: tuple[AssetProgress, ...]
    runs: Mapping[str, int]
    began: float
    ended: float | None
    error: str | None

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return self.status in ACTIVE

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with everything materialized."""
        return self.status == SUCCESS

    def total(self, kind: str) -> int:
        """Return the sum over all assets of `targeted`, `materialized`, `failed` or `at_work`."""
        return sum(int(getattr(asset, kind)) for asset in self.assets)


@dataclass(frozen=True)
class Backfills:
    """The backfills of one platform."""

    web: GraphQL

    def launch(self, targets: Sequence[Target], title: str, tags: Mapping[str, str]) -> str:
        """Hand a backfill to the daemon and return its id. `tags` are carried by every run.

        Raises:
            LocalPlatformError: Dagster refused it.
        """
        parameters = {
            "partitionsByAssets": [_selector(target) for target in targets],
            "title": title,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        return _launched(self.web.ask(_LAUNCH, parameters=parameters)["launchPartitionBackfill"])

    def again(self, backfill: str) -> str:
        """Launch a backfill of what an ended one left unmaterialized, and return the new id."""
        parameters = {"parentRunId": backfill, "strategy": "FROM_FAILURE"}
        return _launched(self.web.ask(_AGAIN, parameters=parameters)["reexecutePartitionBackfill"])

    def cancel(self, backfill: str) -> None:
        """Ask the daemon to end it: no new runs, and those that go are terminated."""
        self.progress(backfill)
        answer = self.web.ask(_CANCEL, id=backfill)["cancelPartitionBackfill"]
        if answer["__typename"] != "CancelBackfillSuccess":
            raise LocalPlatformError(
                f"Backfill {backfill} could not be cancelled: {answer.get('message')}", _SEE_UI
            )

    def progress(self, backfill: str) -> Progress:
        """Return how far a backfill is.

        Raises:
            LocalPlatformError: there is none of this id; the message lists the newest.
        """
        answer = self.web.ask(_PROGRESS, id=backfill, tags=[{"key": "dagster/backfill", "value": backfill}])
        found = answer["partitionBackfillOrError"]
        if found["__typename"] != "PartitionBackfill":
            newest = self.web.ask(_NEWEST)["partitionBackfillsOrError"].get("results", [])
            known = ", ".join(f"{each['id']} ({each['status'].lower()})" for each in newest)
            raise LocalPlatformError(
                f"There is no backfill {backfill!r}.", f"The newest are: {known or 'none yet'}."
            )
        data = found["assetBackfillData"] or {"assetBackfillStatuses": []}
        return Progress(
            id=backfill,
            status=found["status"],
            assets=tuple(_asset_progress(each) for each in data["assetBackfillStatuses"]),
            runs={
                state: answer[state].get("count") or 0 for state in ("queued", "going", "succeeded", "failed")
            },
            began=found["timestamp"],
            ended=found["endTimestamp"],
            error=_innermost(found["error"]) if found["error"] else None,
        )

    def failed_runs(self, backfill: str) -> list[str]:
        """Return the ids of runs that failed and were not retried, newest first."""
        tags = [{"key": "dagster/backfill", "value": backfill}]
        runs = self.web.ask(_FAILED, tags=tags, limit=_SHOWN_RUNS)["runsOrError"].get("results", [])
        retried = {run["parentRunId"] for run in runs}
        return [run["runId"] for run in runs if run["runId"] not in retried and run["status"] == "FAILURE"]

    def taken(self) -> set[tuple[str, str, str]]:
        """Return what backfills that go on will still make or are making: asset name, first and last key of ranges."""
        found: set[tuple[str, str, str]] = set()
        for each in self.web.ask(_ACTIVE)["partitionBackfillsOrError"].get("results", []):
            for key in each["assetSelection"] or []:
                at = self.web.ask(_TARGETED, id=each["id"], key={"path": key["path"]})
                ranges = (at["partitionBackfillOrError"]["partitionsTargetedForAssetKey"] or {}).get("ranges")
                found |= {("/".join(key["path"]), span["start"], span["end"]) for span in ranges or []}
        return found


_SEE_UI = "Backfills are shown in the UI under Runs, Backfills."
_LAUNCH = """mutation ($parameters: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $parameters) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message causes { message } }
  ... on PartitionKeysNotFoundError { message } ... on UnauthorizedError { message } } }"""
_AGAIN = """mutation ($parameters: ReexecutionParams!) { reexecutePartitionBackfill(reexecutionParams: $parameters) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message causes { message } }
  ... on UnauthorizedError { message } } }"""
_CANCEL = """mutation ($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename
  ... on PythonError { message } ... on UnauthorizedError { message } } }"""
_PROGRESS = """query ($id: String!, $tags: [ExecutionTag!]) {
  partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill {
    status timestamp endTimestamp error { message causes { message } }
    assetBackfillData { assetBackfillStatuses {
      ... on AssetPartitionsStatusCounts { assetKey { path }
        numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed numPartitionsInProgress }
      ... on UnpartitionedAssetStatus { assetKey { path } inProgress materialized failed } } } } }
  queued: runsOrError(filter: {tags: $tags, statuses: [QUEUED, NOT_STARTED]}) { ... on Runs { count } }
  going: runsOrError(filter: {tags: $tags, statuses: [STARTING, STARTED, CANCELING]}) { ... on Runs { count } }
  succeeded: runsOrError(filter: {tags: $tags, statuses: [SUCCESS]}) { ... on Runs { count } }
  failed: runsOrError(filter: {tags: $tags, statuses: [FAILURE, CANCELED]}) { ... on Runs { count } } }"""
_NEWEST = "{ partitionBackfillsOrError(limit: 5) { ... on PartitionBackfills { results { id status } } } }"
_ACTIVE = """{ partitionBackfillsOrError(status: REQUESTED) { ... on PartitionBackfills {
  results { id assetSelection { path } } } } }"""
_TARGETED = """query ($id: String!, $key: AssetKeyInput!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { partitionsTargetedForAssetKey(assetKey: $key) { ranges { start end } } } } }"""
_FAILED = """query ($tags: [ExecutionTag!], $limit: Int) { runsOrError(filter: {tags: $tags}, limit: $limit) {
  ... on Runs { results { runId status parentRunId } } } }"""


def _selector(target: Target) -> dict[str, Any]:
    ranges = [{"start": first, "end": last} for first, last in target.ranges]
    partitions = {"partitions": {"ranges": ranges}} if ranges else {}
    return {"assetKey": {"path": target.asset.path}, **partitions}


def _launched(answer: dict[str, Any]) -> str:
    if answer["__typename"] != "LaunchBackfillSuccess":
        reason = _innermost(answer) if answer.get("message") else answer["__typename"]
        raise LocalPlatformError(f"The backfill was refused: {reason}", _SEE_UI)
    return str(answer["backfillId"])


def _asset_progress(status: dict[str, Any]) -> AssetProgress:
    name = "/".join(status["assetKey"]["path"])
    if "numPartitionsTargeted" in status:
        counts = ("Targeted", "Materialized", "Failed", "InProgress")
        return AssetProgress(name, *(int(status[f"numPartitions{count}"]) for count in counts))
    made = int(status["materialized"])
    return AssetProgress(name, 1, made, int(status["failed"]), int(status["inProgress"] and not made))


def _innermost(error: dict[str, Any]) -> str:
    return str((error.get("causes") or [error])[-1]["message"]).strip()
