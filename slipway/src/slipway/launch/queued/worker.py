"""A worker: takes a step from its queues, makes the step's Job, and takes the next when that is over.

Holds a thread for each step at a time, no state of its own, no code of any location and no connection to Dagster's
database. When it is told to end it hands its steps back and ends within a second; their pods go on. When it is killed,
the executors notice within half a minute, and another worker takes over the same pods.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from celery import Celery, signals
from celery.exceptions import Reject
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError

from slipway.launch.kubernetes.client import KubernetesClient, KubernetesUnreachableError
from slipway.launch.queued.app import TASK, make_app
from slipway.launch.queued.places import WITHDRAWN, Places

POLL_SECONDS = 0.5
"""Between two looks whether a step is over, which frees its place for the next."""

logger = logging.getLogger(__name__)


class Worker:
    """Carries out steps, each in the thread that calls `carry_out`."""

    def __init__(self, client: KubernetesClient, places: Places, send_again: Callable[[Any], None]) -> None:
        """Use these; `send_again` puts the message of the task that it is called with into its queue again."""
        self._client = client
        self._places = places
        self._send_again = send_again
        self._ending = threading.Event()

    def end(self) -> None:
        """Hand back what is being carried out."""
        self._ending.set()

    def carry_out(self, task: Any, manifest: dict[str, Any], namespace: str) -> None:
        """Make a step's Job and wait for its end; give up at once if the step is another's by now."""
        name = manifest["metadata"]["name"]
        # Not the process: a copy of the message in another thread of it is another worker.
        worker = uuid4().hex
        if not self._take(name, worker):
            logger.info("%s is another worker's, or its run is over", name)
            return
        logger.info("%s begins", name)
        made = False
        while True:
            try:
                if not made:
                    self._client.create_namespaced_job_with_retries(manifest, namespace)
                    made = True
                job = self._client.read_job(name, namespace)
                if job is None or job.status.succeeded or job.status.failed:
                    self._places.leave(name, worker)
                    logger.info("%s is over", name)
                    return
            except DagsterK8sUnrecoverableAPIError as error:
                logger.exception("%s was refused", name)
                self._places.refuse(name, str(error))
                return
            except (KubernetesUnreachableError, redis.RedisError) as error:
                logger.warning("%s: %s", name, error)
            if not self._go_on(task, name, namespace, worker):
                return

    def _take(self, name: str, worker: str) -> bool:
        """Take a step; return whether it was there to be taken.

        Raises:
            Reject: Redis is out of reach, and the worker is to end: the message is for another.
        """
        while True:
            try:
                return self._places.take(name, worker)
            except redis.RedisError as error:
                logger.warning("%s waits for Redis: %s", name, error)
                if self._ending.wait(POLL_SECONDS):
                    raise Reject(error, requeue=True) from error

    def _go_on(self, task: Any, name: str, namespace: str, worker: str) -> bool:
        """Wait for a moment; return whether the step still is this worker's, as far as anybody knows."""
        try:
            return self._still_has(task, name, namespace, worker)
        except redis.RedisError as error:
            # It holds its place in the queue: another step that began now would be one too many.
            logger.warning("%s goes on without Redis: %s", name, error)
            return not self._ending.is_set()

    def _still_has(self, task: Any, name: str, namespace: str, worker: str) -> bool:
        if self._ending.wait(POLL_SECONDS):
            if self._places.put_back(name, worker):
                self._send_again(task)
                logger.info("%s is handed back", name)
            return False
        if self._places.keep(name, worker):
            return True
        if self._places.look(name) == WITHDRAWN:
            self._client.delete_job(name, namespace)
            logger.info("%s was withdrawn", name)
        else:
            logger.warning("%s was given to another worker, as nothing was heard of this one", name)
        return False


def worker_app(broker_url: str, client: KubernetesClient, alive: Path | None = None) -> Celery:
    """Return the Celery app of a worker; `alive` is a file that is touched every few seconds while it works."""
    app = make_app(broker_url)
    worker = Worker(client, Places(broker_url), _send_again)

    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator]
    def carry_out_step(self: Any, manifest: dict[str, Any], namespace: str) -> None:
        worker.carry_out(self, manifest, namespace)

    signals.worker_shutting_down.connect(lambda **_: worker.end(), weak=False)
    if alive:
        signals.heartbeat_sent.connect(lambda **_: alive.touch(), weak=False)
    return app


def _send_again(task: Any) -> None:
    info = task.request.delivery_info or {}
    task.apply_async(
        args=task.request.args,
        kwargs=task.request.kwargs,
        queue=info.get("routing_key"),
        priority=info.get("priority"),
    )
