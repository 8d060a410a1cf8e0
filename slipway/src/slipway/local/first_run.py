"""The first materialization: one real run of each code location's first job, over all of its partitions.

Goes the way of every run: queued over GraphQL, dequeued and launched by the daemon.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from slipway.graphql import RANGE_END_TAG, RANGE_START_TAG, GraphQL
from slipway.local.errors import LocalPlatformError
from slipway.progress import Say, Steps
from slipway.repository import CodeLocation

FIRST_RUN_TAG = "slipway/first_run"
# Asked again after every interval; a run that hangs is given up, not the platform under it.
POLL_SECONDS = 0.5
LONGEST_SECONDS = 1800.0


def materialize_all(web: GraphQL, locations: Sequence[CodeLocation], steps: Steps) -> None:
    """Run every location's first job unless it has succeeded before.

    All are queued at once: the queue decides how many go, and a location that fails holds back no other.

    Raises:
        LocalPlatformError: a run failed or did not end; that of the first such location, after all have ended.
    """

    def materialize(location: CodeLocation) -> None:
        with steps.step(f"Materializing {location.name}") as say:
            if not materialize_once(web, location, say):
                say("done before")

    with ThreadPoolExecutor() as pool:
        started = [pool.submit(materialize, location) for location in locations if location.first_job]
    for each in started:
        each.result()


def materialize_once(web: GraphQL, location: CodeLocation, say: Say) -> bool:
    """Run the location's first job unless a first run has succeeded before; return whether one ran.

    A first run that is still queued or going (after a restart) is waited for; one that failed is
    launched anew, which writes the same objects again.

    Raises:
        LocalPlatformError: the run failed or did not end; the message says which steps and why.
    """
    job = location.first_job
    if not job:
        return False
    latest = web.latest_run(FIRST_RUN_TAG, location.name)
    if latest and latest[1] == "SUCCESS":
        return False
    if latest and latest[1] not in ("FAILURE", "CANCELED"):
        _wait(web, latest[0], job, say)
        return True
    # Retried here, not by the daemon: two copies of the first run would only be in each other's way.
    tags = {FIRST_RUN_TAG: location.name, "dagster/max_retries": "0"}
    keys = web.partition_keys(location.name, job)
    if keys:
        tags |= {RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]}
    _wait(web, web.launch(location.name, job, tags), job, say)
    return True


def _wait(web: GraphQL, run_id: str, job: str, say: Say) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        now = web.progress(run_id)
        if now.status == "SUCCESS":
            say(f"{now.total} of {now.total} steps")
            return
        if now.status in ("FAILURE", "CANCELED"):
            raise LocalPlatformError(
                f"The first run of {job} ended as {now.status}: {web.failure(run_id)}",
                f"See {web.url}/runs/{run_id}; put the cause right and run `make up` again.",
            )
        at_work = f", now {', '.join(now.running)}" if now.running else ""
        say(f"{now.done} of {now.total} steps{at_work}" if now.total else now.status.lower())
        time.sleep(POLL_SECONDS)
    raise LocalPlatformError(
        f"The first run of {job} has not ended within {LONGEST_SECONDS / 60:.0f} minutes.",
        f"See {web.url}/runs/{run_id}.",
    )
