"""The webserver's GraphQL API, as far as the commands ask it.

Questions and answers only; what to do with them belongs to the callers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from slipway.errors import WebserverError

REPOSITORY = "__repository__"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class LocationStatus:
    """Whether a code location is served; `error` is what its import raised, else None."""

    name: str
    loading: bool
    error: str | None


@dataclass(frozen=True)
class AssetStatus:
    """The newest materialization of an asset.

    Attributes:
        name: the asset key, its parts joined by /.
        rows: rows over all materialized partitions; None where the asset has no row count.
        materialized: number of materialized partitions (1 without partitions), of `partitions`.
        partitions: number of partitions (1 without).
    """

    name: str
    rows: int | None
    materialized: int
    partitions: int


@dataclass(frozen=True)
class RunProgress:
    """Where a run is: its status, and the steps that ended, that run and that there are."""

    status: str
    done: int
    running: tuple[str, ...]
    total: int


class GraphQL:
    """Client of one webserver on this machine, or forwarded to a port of it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return `data` of a query; questions are repeated for a while, mutations never.

        Raises:
            WebserverError: the webserver can't be reached or rejects the query.
        """
        way_out = "`make status` shows what runs; `make logs` shows what it said."
        mutates = query.startswith("mutation")
        post = self._post if mutates else _patiently(self._post)
        try:
            body = post({"query": query, "variables": variables}, _MUTATION_SECONDS if mutates else 60)
        except httpx.HTTPError as error:
            raise WebserverError(f"The webserver at {self.url} does not answer: {error}", way_out) from error
        if body.get("errors"):
            raise WebserverError(f"The webserver rejected a query: {body['errors'][0]['message']}", way_out)
        return dict(body["data"])

    def _post(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/graphql", json=question, timeout=seconds)
        answer.raise_for_status()
        return dict(answer.json())

    def answers(self) -> bool:
        """Whether the webserver serves; it answers any unknown path with the web page, so only this one tells."""
        try:
            return httpx.get(f"{self.url}/server_info", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def locations(self) -> list[LocationStatus]:
        """Return every code location of the workspace."""
        entries = self.ask(_LOCATIONS)["workspaceOrError"].get("locationEntries", [])
        return [_location_status(entry) for entry in entries]

    def reload(self, location: str) -> None:
        """Make the webserver read a code location anew."""
        self.ask(_RELOAD, name=location)

    def reload_workspace(self) -> None:
        """Make the webserver read the workspace file, and every code location that it lists, anew."""
        self.ask("mutation { reloadWorkspace { __typename } }")

    def partition_keys(self, location: str, job: str) -> list[str]:
        """Return the partition keys of a job, oldest first; empty without partitions."""
        found = self.ask(_PARTITIONS, selector=_job_selector(location, job))["pipelineOrError"]
        if found["__typename"] != "Pipeline":
            raise WebserverError(f"{location} has no job {job!r}: {found.get('message', '')}", _SEE_UI)
        return list(found["partitionKeysOrError"].get("partitionKeys", []))

    def launch(self, location: str, job: str, tags: dict[str, str]) -> str:
        """Queue a run of a job and return its id."""
        parameters = {
            "selector": _job_selector(location, job),
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        launched = self.ask(_LAUNCH, parameters=parameters)["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            reason = launched.get("message") or launched.get("errors") or launched["__typename"]
            raise WebserverError(f"The run of {job} could not be launched: {reason}", _SEE_UI)
        return str(launched["run"]["runId"])

    def latest_run(self, tag: str, value: str) -> tuple[str, str] | None:
        """Return id and status of the newest run that carries the tag."""
        runs = self.ask(_RUNS, tags=[{"key": tag, "value": value}])["runsOrError"].get("results", [])
        return (runs[0]["runId"], runs[0]["status"]) if runs else None

    def progress(self, run_id: str) -> RunProgress:
        """Return where a run is."""
        run = self.ask(_PROGRESS, run=run_id)["runOrError"]
        steps = run["stepStats"]
        running = tuple(step["stepKey"] for step in steps if step["status"] == "IN_PROGRESS")
        total = len(run["executionPlan"]["steps"]) if run["executionPlan"] else len(steps)
        return RunProgress(run["status"], sum(1 for step in steps if step["endTime"]), running, total)

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield every event of a run, oldest first: `__typename`, `message`, and of failed steps `stepKey` and `error`."""
        cursor = None
        while True:
            page = self.ask(_EVENTS, run=run_id, cursor=cursor)["logsForRun"]
            yield from page.get("events", [])
            if not page.get("hasMore"):
                return
            cursor = page["cursor"]

    def failure(self, run_id: str) -> str:
        """Return why a run failed: its failed steps, and what each says of it.

        A `dagster.Failure` says it itself: what it is about, and the way out. Of other errors the innermost is given.
        """
        lines = [
            _failure_line(event) for event in self.events(run_id) if event["__typename"] in _FAILURE_EVENTS
        ]
        return "\n".join(line for line in lines if line) or "no error was recorded"

    def assets(self) -> dict[str, list[AssetStatus]]:
        """Return every asset by the code location that defines it, by name. One question: it is a heavy one."""
        found: dict[str, list[AssetStatus]] = {}
        for node in self.ask(_ASSETS)["assetNodes"]:
            found.setdefault(node["repository"]["location"]["name"], []).append(_asset_status(node))
        return {name: sorted(assets, key=lambda asset: asset.name) for name, assets in found.items()}


# Before a run over hundreds of days is queued, an event is stored for each day and asset; a busy machine takes a minute.
_MUTATION_SECONDS = 300
# While Postgres restarts, the webserver answers 500 until its connections have been renewed.
_patiently = retry(
    retry=retry_if_exception_type(httpx.HTTPError),
    stop=stop_after_delay(15),
    wait=wait_exponential_jitter(multiplier=0.1, max=2),
    reraise=True,
)
_SEE_UI = "The code location's definitions are shown in the UI under Deployment."
_FAILURE_EVENTS = ("ExecutionStepFailureEvent", "RunFailureEvent")
_LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  name loadStatus locationOrLoadError { __typename ... on PythonError { message causes { message } } } } } } }"""
_RELOAD = (
    """mutation ($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"""
)
_PARTITIONS = """query ($selector: PipelineSelector!) { pipelineOrError(params: $selector) { __typename
  ... on Pipeline { partitionKeysOrError { ... on PartitionKeys { partitionKeys } } }
  ... on PipelineNotFoundError { message } } }"""
_LAUNCH = """mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } ... on PipelineNotFoundError { message } } }"""
_RUNS = """query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}, limit: 1) {
  ... on Runs { results { runId status } } } }"""
_PROGRESS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run {
  status executionPlan { steps { key } } stepStats { stepKey status endTime } } } }"""
_EVENTS = """query ($run: ID!, $cursor: String) { logsForRun(runId: $run, afterCursor: $cursor) {
  ... on EventConnection { cursor hasMore events { __typename
  ... on MessageEvent { message }
  ... on ExecutionStepFailureEvent { stepKey failureMetadata { description }
    error { message causes { message } } } } } } }"""
_ASSETS = """{ assetNodes { assetKey { path } repository { location { name } }
  partitionStats { numMaterialized numPartitions }
  assetMaterializations(limit: 1) { metadataEntries { ...Rows } }
  latestMaterializationByPartition { metadataEntries { ...Rows } } } }
fragment Rows on MetadataEntry { label ... on IntMetadataEntry { intValue } }"""


def _job_selector(location: str, job: str) -> dict[str, str]:
    return {"repositoryLocationName": location, "repositoryName": REPOSITORY, "pipelineName": job}


def _location_status(entry: dict[str, Any]) -> LocationStatus:
    loaded = entry["locationOrLoadError"]
    error = _innermost(loaded) if loaded and loaded["__typename"] == "PythonError" else None
    return LocationStatus(entry["name"], loading=entry["loadStatus"] == "LOADING" or not loaded, error=error)


def _asset_status(node: dict[str, Any]) -> AssetStatus:
    name = "/".join(node["assetKey"]["path"])
    stats = node["partitionStats"]
    newest = node["latestMaterializationByPartition"] if stats else node["assetMaterializations"]
    counts = [rows for event in newest if event and (rows := _rows(event)) is not None]
    total = sum(counts) if counts else None
    if not stats:
        return AssetStatus(name, total, materialized=len(newest), partitions=1)
    return AssetStatus(name, total, materialized=stats["numMaterialized"], partitions=stats["numPartitions"])


def _rows(event: dict[str, Any]) -> int | None:
    for entry in event["metadataEntries"]:
        if entry["label"] in ("dagster/partition_row_count", "dagster/row_count"):
            return int(entry["intValue"])
    return None


def _failure_line(event: dict[str, Any]) -> str:
    error = event.get("error")
    if not error:
        return "" if "stepKey" in event else str(event["message"])
    said = (event["failureMetadata"] or {}).get("description")
    return f"{event['stepKey']}: {said or _innermost(error)}"


def _innermost(error: dict[str, Any]) -> str:
    """What went wrong in the user's own code, without what Dagster wraps around it."""
    return str((error["causes"] or [error])[-1]["message"]).strip()
