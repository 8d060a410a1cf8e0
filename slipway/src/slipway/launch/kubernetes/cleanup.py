"""The command `python -m slipway.launch.kubernetes.cleanup`: removes the Jobs of runs that need them no more.

By what Dagster says of the run, which Kubernetes' own limit (`ttlSecondsAfterFinished`) can't know: a Job that still works
although its run was given up, or deleted, is one that nobody else ends. Jobs of runs that are going are never touched,
finished or not: run monitoring still has to find out from them what became of the run.

Runs in the cluster, every few minutes (helm/platform, cleanup). Does not belong here: ending runs.
"""

import argparse
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kubernetes.client
import kubernetes.config
from dagster import DagsterInstance, RunsFilter
from dagster._core.storage.dagster_run import RunRecord
from kubernetes.client.exceptions import ApiException

from slipway.launch.kubernetes.client import BoundedApiClient

RUN_LABEL = "dagster/run-id"
_NOT_FOUND = 404
_CONFLICT = 409
# Runs asked for, and Jobs listed, at a time.
_PAGE = 200


@dataclass(frozen=True)
class Limits:
    """When a Job is to go, in seconds after its run ended.

    Attributes:
        keep: one whose pod is through.
        orphan: one whose pod still works; counted from the Job's creation where there is no such run any more.
    """

    keep: float
    orphan: float


def why_overdue(job: Any, run: RunRecord | None, now: float, limits: Limits) -> str | None:
    """Return why a Job (V1Job) is to be removed, or None if it is not.

    Args:
        job: the Job of a run, or of a step of it.
        run: the run, None if the instance has none of that id.
        now: seconds since 1970.
        limits: the times that have to pass.
    """
    working = bool(job.status.active)
    if run is None:
        age = now - job.metadata.creation_timestamp.timestamp()
        return "its run was deleted" if age > limits.orphan else None
    if not run.dagster_run.is_finished or run.end_time is None:
        return None
    ended = now - run.end_time
    if ended <= (limits.orphan if working else limits.keep):
        return None
    status = run.dagster_run.status.value
    return f"it still works, its run is {status}" if working else f"its run is {status}"


def remove_overdue(
    instance: DagsterInstance, batch_api: Any, namespace: str, limits: Limits
) -> Iterator[str]:
    """Delete the Jobs of runs that need them no more, and their pods with them; yield a line for each.

    Raises:
        ApiException: the API refuses. Jobs that somebody else deletes meanwhile are passed over.
    """
    now = time.time()
    for page in _pages(batch_api, namespace):
        jobs = page.items
        runs = _runs(instance, {job.metadata.labels[RUN_LABEL] for job in jobs})
        for job in jobs:
            reason = why_overdue(job, runs.get(job.metadata.labels[RUN_LABEL]), now, limits)
            if reason and _delete(batch_api, namespace, job):
                yield f"{job.metadata.name}: {reason}"


def _pages(batch_api: Any, namespace: str) -> Iterator[Any]:
    more = None
    while True:
        page = batch_api.list_namespaced_job(
            namespace, label_selector=RUN_LABEL, limit=_PAGE, **({"_continue": more} if more else {})
        )
        yield page
        more = page.metadata and page.metadata._continue  # noqa: SLF001 - the generated client's name for it
        if not more:
            return


def _runs(instance: DagsterInstance, run_ids: Collection[str]) -> Mapping[str, RunRecord]:
    if not run_ids:
        # Dagster refuses to be asked for no run.
        return {}
    records = instance.get_run_records(RunsFilter(run_ids=sorted(run_ids)))
    return {record.dagster_run.run_id: record for record in records}


def _delete(batch_api: Any, namespace: str, job: Any) -> bool:
    """Delete a Job, unless it is another one of the same name by now; return whether it was there."""
    options = kubernetes.client.V1DeleteOptions(
        propagation_policy="Background", preconditions=kubernetes.client.V1Preconditions(uid=job.metadata.uid)
    )
    try:
        batch_api.delete_namespaced_job(job.metadata.name, namespace, body=options)
    except ApiException as error:
        if error.status in {_NOT_FOUND, _CONFLICT}:
            return False
        raise
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command in the cluster, on the instance of $DAGSTER_HOME; return its exit code."""
    options = _parser().parse_args(arguments)
    kubernetes.config.load_incluster_config()
    batch_api = kubernetes.client.BatchV1Api(BoundedApiClient())
    limits = Limits(options.keep_seconds, options.orphan_seconds)
    removed = 0
    with DagsterInstance.get() as instance:
        for line in remove_overdue(instance, batch_api, options.namespace, limits):
            removed += 1
            print(line, flush=True)  # noqa: T201 - this is a command
    print(f"{removed} Jobs removed")  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m slipway.launch.kubernetes.cleanup",
        description="Remove the Jobs of runs that need them no more.",
    )
    parser.add_argument("--namespace", required=True, help="where the Jobs of runs are")
    parser.add_argument(
        "--keep-seconds",
        type=float,
        required=True,
        help="how long a finished Job is kept after its run's end",
    )
    parser.add_argument(
        "--orphan-seconds", type=float, required=True, help="how long one may work on after its run's end"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
