"""Dagster's code server, whose runs are forks of a process that has loaded the definitions already.

Speaks Dagster's own protocol, so that a run is begun, ended and asked for as with any code server. It takes only runs of jobs that
say so, and only so many at a time; what it refuses gets a pod of its own.
"""

import logging
import multiprocessing
import os
import threading
from typing import Any

from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._grpc.server import DagsterApiServer
from dagster._grpc.types import ExecuteExternalJobArgs, StartRunResult
from dagster._serdes import deserialize_value, serialize_value

from slipway.launch.warm import WARM_TAG
from slipway.launch.warm.forked import TARGET_VARIABLE

logger = logging.getLogger(__name__)


class WarmServer(DagsterApiServer):
    """Takes up to `places` runs at a time."""

    def __init__(self, *, places: int, loadable_target_origin: LoadableTargetOrigin, **named: Any) -> None:
        """Load the definitions, here and in the process that runs are forked from."""
        super().__init__(loadable_target_origin=loadable_target_origin, **named)
        self._mp_ctx = _forking_context(loadable_target_origin)
        self._places = places
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
        if repository.get_job(origin.job_name).tags.get(WARM_TAG) != "true":
            return f'the definition of the job {origin.job_name} does not say {WARM_TAG}: "true"'
        with self._execution_lock:
            busy = self._executions.keys() | self._beginning
        if len(busy) >= self._places:
            return f"all {self._places} places are taken"
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
