"""Dagster's code server, whose runs are forks of a process that has loaded the definitions already.

Speaks Dagster's own protocol, so that a run is begun, ended and asked for as with any code server. It takes only runs of jobs that
say so, and only so many at a time; what it refuses gets a pod of its own.
"""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Collection
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import RunsFilter
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._grpc.server import DagsterApiServer
from dagster._grpc.types import ExecuteExternalJobArgs, StartRunResult
from dagster._serdes import deserialize_value, serialize_value

from slipway.launch.stamps import FAILURE_REASON_TAG
from slipway.launch.warm import PLACES_TAKEN, WARM_TAG
from slipway.launch.warm.forked import TARGET_VARIABLE

logger = logging.getLogger(__name__)
# How often its runs are looked up while it has some; below the interval of run monitoring (slipway/limits.py).
_LOOK_SECONDS = 1.0
# A library that is waiting in C hears of no interrupt.
_KILL_AFTER_SECONDS = 2.0


class WarmServer(DagsterApiServer):
    """Takes up to `places` runs at a time."""

    def __init__(
        self,
        *,
        places: int,
        on_request: Collection[str] = (),
        loadable_target_origin: LoadableTargetOrigin,
        **named: Any,
    ) -> None:
        """Load the definitions, here and in the process that runs are forked from.

        Args:
            places: how many runs it takes at a time.
            on_request: jobs whose definition says nothing, and whose runs may ask for it.
            loadable_target_origin: the definitions.
            **named: as of Dagster's server.
        """
        # Before the thread of Dagster's that looks after runs.
        self._looked = 0.0
        self._given_up: dict[str, float] = {}
        super().__init__(loadable_target_origin=loadable_target_origin, **named)
        self._mp_ctx = _forking_context(loadable_target_origin)
        self._places = places
        self._on_request = frozenset(on_request)
        self._beginning: set[str] = set()
        self._begin_lock = threading.Lock()

    def StartRun(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Begin a run, or say why not."""
        arguments = deserialize_value(request.serialized_execute_run_args, ExecuteExternalJobArgs)
        run_id = arguments.run_id
        with self._begin_lock:
            if run_id in self._executions or run_id in self._beginning:
                # Asked again, because the first answer was lost.
                return _reply(success=True)
            refusal = self._refusal(arguments)
            if refusal:
                return _reply(success=False, message=refusal)
            self._beginning.add(run_id)
        try:
            return super().StartRun(request, context)
        finally:
            with self._begin_lock:
                self._beginning.discard(run_id)

    def end(self, grace_seconds: float) -> None:
        """Take no more runs, and end the server when those that it has are over; interrupt them after a while.

        An interrupted run fails, and the daemon retries it.
        """
        self._shutdown_once_executions_finish_event.set()
        timer = threading.Timer(grace_seconds, self._interrupt_all)
        timer.daemon = True
        timer.start()

    def _check_for_orphaned_runs(self) -> None:
        """Look after the runs, as often as Dagster's own thread calls it; a database that is away for a while ends no thread."""
        try:
            super()._check_for_orphaned_runs()
            self._end_given_up()
        except Exception:
            logger.exception("the runs could not be looked after; it is tried again")

    def _end_given_up(self) -> None:
        """End the processes of runs that the launcher has given up for lost: a retry of them begins soon.

        It gives up what it can't see any more. A pod that was deleted by force, or whose node is cut off, may be there all the same.
        """
        now = time.monotonic()
        with self._execution_lock:
            own = {run_id: process for run_id, (process, _) in self._executions.items()}
            references = [reference for _, reference in self._executions.values()]
        self._given_up = {run_id: since for run_id, since in self._given_up.items() if run_id in own}
        if own and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            with dg.DagsterInstance.from_ref(references[0]) as instance:
                runs = instance.get_runs(RunsFilter(run_ids=list(own)))
            for run in runs:
                if run.tags.get(FAILURE_REASON_TAG, "none") != "none" and run.run_id not in self._given_up:
                    logger.warning("run %s was given up: its process is ended", run.run_id)
                    self._given_up[run.run_id] = now
                    self._interrupt(run.run_id)
        for run_id, since in self._given_up.items():
            if now - since >= _KILL_AFTER_SECONDS:
                own[run_id].kill()

    def _interrupt(self, run_id: str) -> None:
        with self._execution_lock:
            event = self._termination_events.get(run_id)
            if event:
                event.set()

    def _interrupt_all(self) -> None:
        with self._execution_lock:
            for run_id, event in self._termination_events.items():
                logger.warning("run %s is interrupted: the worker has to end", run_id)
                event.set()

    def _refusal(self, arguments: ExecuteExternalJobArgs) -> str | None:
        if self._shutdown_once_executions_finish_event.is_set():
            return "it is about to end"
        origin = arguments.job_origin
        repositories = self._loaded_repositories.definitions_by_name if self._loaded_repositories else {}
        repository = repositories.get(origin.repository_origin.repository_name)
        if repository is None or not repository.has_job(origin.job_name):
            return f"it has no job {origin.job_name}"
        warm = repository.get_job(origin.job_name).tags.get(WARM_TAG) == "true"
        if not warm and origin.job_name not in self._on_request:
            return (
                f'the definition of the job {origin.job_name} does not say {WARM_TAG}: "true", '
                "and the location has it not among the jobs whose runs may ask for it"
            )
        with self._execution_lock:
            busy = self._executions.keys() | self._beginning
        if len(busy) >= self._places:
            return f"all {self._places} {PLACES_TAKEN}"
        return None


def _forking_context(target: LoadableTargetOrigin) -> Any:
    """Return a context whose processes are forks of one that has loaded `target`, which is made here."""
    os.environ[TARGET_VARIABLE] = serialize_value(target)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["slipway.launch.warm.forked", "slipway.launch.warm.__main__"])
    # The fork server begins with its first process: not with the first run.
    first = context.Process(target=_nothing)
    first.start()
    first.join()
    return context


def _nothing() -> None:
    pass


def _reply(*, success: bool, message: str | None = None) -> Any:
    result = StartRunResult(success=success, message=message, serializable_error_info=None)
    return dagster_api_pb2.StartRunReply(serialized_start_run_result=serialize_value(result))
