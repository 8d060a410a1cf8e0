"""The webserver's GraphQL API, as far as the watcher asks it: a few questions again and again, and what one of them leads to."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import httpx

_ERROR = "className message causes { className message }"
_OWNERS = "owners { ... on TeamDefinitionOwner { team } ... on UserDefinitionOwner { email } }"
_TICK = f"tickId status timestamp error {{ {_ERROR} }}"
_TICKS = f"""status ticks(limit: 3) {{ {_TICK} }}
  missed: ticks(afterTimestamp: $since, statuses: [FAILURE], limit: 20) @include(if: $missed) {{ {_TICK} }}"""
_RUN = """fragment Run on Run { runId status jobName startTime endTime updateTime tags { key value }
  repositoryOrigin { repositoryLocationName } assetSelection { path } }"""
# A page of runs; more than the newest tick, so that one that fails between two looks is seen.
RUNS_PER_PAGE = 100
LOOK = f"""query ($updated: Float!, $since: Float!, $missed: Boolean!) {{
  runsOrError(filter: {{ statuses: [SUCCESS, FAILURE, CANCELED], updatedAfter: $updated }}, limit: {RUNS_PER_PAGE}) {{
    ... on Runs {{ results {{ ...Run }} }} }}
  workspaceOrError {{ ... on Workspace {{ locationEntries {{ name loadStatus locationOrLoadError {{ __typename
    ... on PythonError {{ {_ERROR} }}
    ... on RepositoryLocation {{ repositories {{ name
      sensors {{ name {_OWNERS} sensorState {{ {_TICKS} }} }}
      schedules {{ name {_OWNERS} scheduleState {{ {_TICKS} }} }} }} }} }} }} }} }}
  instance {{ daemonHealth {{ allDaemonStatuses {{ daemonType required lastHeartbeatTime }} }} }} }}
{_RUN}"""
# The runs after the first page, or (`ids`) certain ones.
RUNS = f"""query ($updated: Float, $ids: [String], $cursor: String) {{
  runsOrError(filter: {{ statuses: [SUCCESS, FAILURE, CANCELED], updatedAfter: $updated, runIds: $ids }},
    cursor: $cursor, limit: {RUNS_PER_PAGE}) {{ ... on Runs {{ results {{ ...Run }} }} }} }}
{_RUN}"""
ASSETS = """{ assetNodes { assetKey { path } opNames repository { location { name } } dependencyKeys { path }
  owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
  assetChecksOrError { ... on AssetChecks { checks { name } } }
  freshnessStatusInfo { freshnessStatus freshnessStatusMetadata { lastMaterializedTimestamp } } } }"""
# Backfills that were launched after a time, newest first.
BACKFILLS = f"""query ($statuses: [BulkActionStatus!], $created: Float!, $cursor: String) {{
  partitionBackfillsOrError(filters: {{ statuses: $statuses, createdAfter: $created }}, cursor: $cursor, limit: 100) {{
    ... on PartitionBackfills {{ results {{ id status timestamp endTimestamp numPartitions jobName
      assetSelection {{ path }} tags {{ key value }} error {{ {_ERROR} }} }} }} }} }}"""
_JOB_OF_BACKFILL = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  partitionSet { repositoryOrigin { repositoryLocationName } } } } }"""
_EVALUATION = "checkName success severity description partition assetKey { path }"
_EXECUTION = (
    f"fragment Execution on AssetCheckExecution {{ id runId timestamp evaluation {{ {_EVALUATION} }} }}"
)
_DETAILS = """query ($run: ID!, $steps: Boolean!) { runOrError(runId: $run) { ... on Run {
  assetChecks { name } stepStats @include(if: $steps) { stepKey status endTime } } } }"""
_EVENTS = f"""query ($run: ID!, $cursor: String) {{ logsForRun(runId: $run, afterCursor: $cursor) {{
  ... on EventConnection {{ cursor hasMore events {{ __typename
  ... on MessageEvent {{ message timestamp }}
  ... on RunFailureEvent {{ error {{ {_ERROR} }} }}
  ... on ExecutionStepFailureEvent {{ stepKey error {{ {_ERROR} }} failureMetadata {{ description }} }}
  ... on AssetCheckEvaluationEvent {{ stepKey evaluation {{ {_EVALUATION} }} }} }} }} }} }}"""


class NoAnswerError(Exception):
    """The webserver can't be reached, or can't answer: the message says why, in one line."""


class RejectedError(NoAnswerError):
    """The webserver answered that it can't answer this question; others it may."""


class Client:
    """Asks one webserver, over one connection that is kept."""

    def __init__(self, url: str, seconds: float = 20) -> None:
        self.url = url.rstrip("/")
        self._seconds = seconds

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(timeout=self._seconds)

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return `data` of a query.

        Raises:
            NoAnswerError: there was none.
            RejectedError: the question itself was refused.
        """
        try:
            answer = self._http.post(f"{self.url}/graphql", json={"query": query, "variables": variables})
        except httpx.HTTPError as error:
            raise NoAnswerError(f"{type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise NoAnswerError(f"HTTP {answer.status_code}")
        try:
            body = answer.json()
        except ValueError as error:
            raise NoAnswerError("The answer is no JSON") from error
        if body.get("errors"):
            raise RejectedError(str(body["errors"][0]["message"]).splitlines()[0])
        return dict(body["data"])

    def details(self, run_id: str, *, steps: bool) -> dict[str, Any]:
        """Return `assetChecks` of a run, and its `stepStats` if asked for; empty when it was deleted."""
        return dict(self.ask(_DETAILS, run=run_id, steps=steps)["runOrError"] or {})

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a run, oldest first."""
        cursor = None
        while True:
            page = self.ask(_EVENTS, run=run_id, cursor=cursor)["logsForRun"]
            yield from page.get("events", [])
            if not page.get("hasMore"):
                return
            cursor = page["cursor"]

    def executions(
        self, checks: Sequence[tuple[Sequence[str], str]], limit: int, before: str | None = None
    ) -> list[list[dict[str, Any]]]:
        """Return the newest executions of each check (asset key and name), or those `before` an id; newest first."""
        names = ", ".join(f"$key{i}: AssetKeyInput!, $name{i}: String!" for i in range(len(checks)))
        fields = " ".join(
            f"c{i}: assetCheckExecutions(assetKey: $key{i}, checkName: $name{i}, limit: $limit, cursor: $before)"
            " { ...Execution }"
            for i in range(len(checks))
        )
        query = f"query ($limit: Int!, $before: String, {names}) {{ {fields} }} {_EXECUTION}"
        keys = {f"key{i}": {"path": list(path)} for i, (path, _) in enumerate(checks)}
        named = {f"name{i}": name for i, (_, name) in enumerate(checks)}
        answer = self.ask(query, limit=limit, before=before, **keys, **named)
        return [answer[f"c{i}"] for i in range(len(checks))]

    def location_of_backfill(self, backfill: str) -> str:
        """Return the code location of a job's backfill; empty when that is not served any more."""
        try:
            found = self.ask(_JOB_OF_BACKFILL, id=backfill)["partitionBackfillOrError"]
        except RejectedError:
            return ""
        return str(
            ((found.get("partitionSet") or {}).get("repositoryOrigin") or {}).get(
                "repositoryLocationName", ""
            )
        )


def owners_of(node: dict[str, Any]) -> tuple[str, ...]:
    """Return the owners of an asset, a sensor or a schedule as they are written in code."""
    return tuple(
        sorted(f"team:{owner['team']}" if "team" in owner else owner["email"] for owner in node["owners"])
    )


def tags_of(run: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a run."""
    return {tag["key"]: tag["value"] for tag in run["tags"]}
