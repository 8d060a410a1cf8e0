"""Proof that a deployed platform works: every webserver serves every location, the daemon is alive, a run of each lane succeeds.

What is asked goes through the API server to the pods themselves: no Ingress, no Service that hides one of two replicas.
Does not belong here: making it so.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from slipway.deploy.errors import DeployError
from slipway.deploy.kubectl import Cluster
from slipway.deploy.releases import CanaryRun
from slipway.graphql import GraphQL
from slipway.launch.warm import NO_WORKER, PLACES_TAKEN, WORKER_TAG

WEBSERVER_PORT = 3000
WEBSERVERS = "component=dagster-webserver"
CANARY_TAG = "slipway/canary"
_SERVED_SECONDS = 240
_HEARTBEAT_SECONDS = 120
_POLL_SECONDS = 1.0
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
Say = Callable[[str], None]


@contextmanager
def webserver(cluster: Cluster, pod: str) -> Iterator[GraphQL]:
    """Lend the GraphQL API of one webserver pod while the block runs."""
    with cluster.forwarded(pod, WEBSERVER_PORT) as port:
        yield GraphQL(port)


def webserver_pods(cluster: Cluster) -> list[str]:
    """Return the names of the webserver's pods that are not about to end.

    Raises:
        DeployError: there is none.
    """
    pods = cluster.find("pods", WEBSERVERS)
    names = [pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not names:
        raise DeployError(
            f"The namespace {cluster.namespace} has no webserver.", "Deploy the release `dagster` first."
        )
    return sorted(names)


def served(cluster: Cluster, locations: Sequence[str], say: Say) -> None:
    """Make every webserver read its workspace anew until each serves all of `locations` (Python names).

    A replica keeps a workspace of its own, and the ConfigMap that lists the locations takes up to a minute and a half to
    reach its file system (the kubelet's sync period).

    Raises:
        DeployError: a location is not served in time, or fails to load; the message carries its error.
    """
    for pod in webserver_pods(cluster):
        with webserver(cluster, pod) as api:
            _until_served(api, pod, locations, say)


def _until_served(api: GraphQL, pod: str, locations: Sequence[str], say: Say) -> None:
    deadline = time.monotonic() + _SERVED_SECONDS
    while True:
        api.reload_workspace()
        found = {each.name: each for each in api.locations()}
        open_ = [name for name in locations if name not in found or found[name].loading or found[name].error]
        if not open_:
            return
        if time.monotonic() > deadline:
            raise DeployError(_unserved(pod, open_, {name: each.error for name, each in found.items()}))
        say(f"{pod} does not serve {', '.join(open_)} yet")
        time.sleep(_POLL_SECONDS * 3)


def _unserved(pod: str, names: Sequence[str], errors: dict[str, str | None]) -> str:
    lines = [f"{pod} does not serve {', '.join(names)}."]
    for name in names:
        reason = "is not in its workspace" if name not in errors else errors[name] or "is still loading"
        lines.append(f"    {name}: {reason}")
    return "\n".join(lines)


def heartbeats(cluster: Cluster, say: Say) -> None:
    """Wait until every daemon that the instance requires has a fresh heartbeat.

    Raises:
        DeployError: one has none in time; the message names it.
    """
    pod = webserver_pods(cluster)[0]
    deadline = time.monotonic() + _HEARTBEAT_SECONDS
    with webserver(cluster, pod) as api:
        while ill := _ill_daemons(api):
            if time.monotonic() > deadline:
                raise DeployError(
                    f"No heartbeat of the daemon's {', '.join(ill)}.",
                    f"kubectl --context {cluster.context} -n {cluster.namespace} logs deployment/dagster-daemon",
                )
            say(f"waiting for {', '.join(ill)}")
            time.sleep(_POLL_SECONDS)


def _ill_daemons(api: GraphQL) -> list[str]:
    health = api.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return sorted(each["daemonType"] for each in health if each["required"] and not each["healthy"])


def canaries(cluster: Cluster, wanted: Sequence[CanaryRun], say: Say) -> dict[str, float]:
    """Launch every canary as anybody would and wait for all; return the seconds from each one's launch to its end, by lane.

    Raises:
        DeployError: one could not be launched, failed, or did not end in time.
    """
    with webserver(cluster, webserver_pods(cluster)[0]) as api:
        began = time.monotonic()
        runs = {each: api.launch(each.location, each.job, {CANARY_TAG: each.lane}) for each in wanted}
        return {each.lane: _until_ended(api, each, run, began, say) for each, run in runs.items()}


def _until_ended(api: GraphQL, canary: CanaryRun, run: str, began: float, say: Say) -> float:
    while (status := api.progress(run).status) not in _ENDED:
        if time.monotonic() - began > canary.seconds:
            raise DeployError(
                f"The canary run {run} of {canary.lane} is still {status} after {canary.seconds} s.",
                "Its events in the UI, and its pod's, say what it waits for.",
            )
        say(f"{canary.lane}: {status.lower()}")
        time.sleep(_POLL_SECONDS)
    if status != "SUCCESS":
        raise DeployError(f"The canary run {run} of {canary.lane} ended with {status}: {api.failure(run)}")
    if canary.warm:
        _require_worker(api, canary, run)
    times = api.ask(_TIMES, run=run)["runOrError"]
    return float(times["endTime"] - times["creationTime"])


def _require_worker(api: GraphQL, canary: CanaryRun, run: str) -> None:
    """Raise if a warm run got a pod of its own for another reason than that the worker has enough to do."""
    tags = {each["key"]: each["value"] for each in api.ask(_TAGS, run=run)["runOrError"]["tags"]}
    if tags.get(WORKER_TAG, NO_WORKER) != NO_WORKER:
        return
    said = [
        text for event in api.events(run) if "No warm worker takes" in (text := event.get("message") or "")
    ]
    if not any(PLACES_TAKEN in text for text in said):
        reason = said[-1] if said else f"it has no tag {WORKER_TAG}"
        raise DeployError(
            f"The canary run {run} of {canary.lane} was not taken by a worker: {reason}",
            f"docs/launching.md describes `warm` of the code location {canary.location}.",
        )


_TIMES = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { creationTime endTime } } }"
_TAGS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { tags { key value } } } }"
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
