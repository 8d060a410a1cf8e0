"""The executor's side of the queue: puts steps into it, and sees to it that none is lost."""

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
import kubernetes.client
import redis
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepDelegatingExecutor
from kombu.exceptions import OperationalError

from slipway.launch.kubernetes.client import KubernetesClient
from slipway.launch.kubernetes.steps import SlipwayStepHandler, executor_over
from slipway.launch.queued.app import BROKER_VARIABLE, TASK, make_app, priority_of, queue_of
from slipway.launch.queued.places import QUEUED, Places, refusal

if TYPE_CHECKING:
    from dagster._core.executor.step_delegating.step_handler.base import StepHandlerContext

logger = logging.getLogger(__name__)
_NO_BROKER = (redis.RedisError, OperationalError)
# Of a message that the broker would not take: half a minute of attempts.
_RETRY = {"max_retries": 15, "interval_start": 0.5, "interval_step": 0.5, "interval_max": 3}


class BrokerMissingError(RuntimeError):
    """No address of the broker is configured."""


class Broker:
    """The queue's Redis: messages, and the places of steps."""

    def __init__(self, url: str) -> None:
        self._app = make_app(url)
        self.places = Places(url)

    def send(self, manifest: dict[str, Any], namespace: str, queue: str, priority: int) -> None:
        """Put a step's Job into a queue; raise when the broker is out of reach for half a minute."""
        self.places.queue(manifest["metadata"]["name"])
        self._app.send_task(
            TASK, args=[manifest, namespace], queue=queue, priority=priority, retry=True, retry_policy=_RETRY
        )


class QueueingClient(KubernetesClient):
    """A client that leaves the making of Jobs to the workers of the queue that it is pointed at."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker
        self._sent: dict[str, tuple[dict[str, Any], str, str, int]] = {}
        self.queue = ""
        self.priority = 0

    def create_namespaced_job_with_retries(
        self,
        body: Any,
        namespace: str,
        wait_time_between_attempts: float = 0.0,  # noqa: ARG002 - the broker's client has its own
    ) -> None:
        """Put the Job into the queue."""
        manifest = kubernetes.client.ApiClient().sanitize_for_serialization(body)
        self._sent[manifest["metadata"]["name"]] = (manifest, namespace, self.queue, self.priority)
        self.send_again(manifest["metadata"]["name"])

    def send_again(self, job_name: str) -> None:
        """Put a Job that was sent before into its queue once more."""
        self._broker.send(*self._sent[job_name])


class QueuedStepHandler(SlipwayStepHandler):
    """Launches a step through a queue."""

    OUT_OF_REACH = (*SlipwayStepHandler.OUT_OF_REACH, *_NO_BROKER)

    _api_client: QueueingClient
    _broker: Broker
    _seen: set[str]

    def _make(self, step_handler_context: "StepHandlerContext") -> Iterator[dg.DagsterEvent]:
        """Put the step into the queue that its tags name."""
        key = self._get_step_key(step_handler_context)
        tags = step_handler_context.step_tags[key]
        client = self._api_client
        client.queue = queue_of(tags)
        client.priority = priority_of(tags, step_handler_context.dagster_run.tags)
        self._say(step_handler_context, f'Step "{key}" waits in the queue "{client.queue}".')
        yield from super()._make(step_handler_context)

    def check_step_health(self, step_handler_context: "StepHandlerContext") -> CheckStepHealthResult:
        """Tell whether the step waits, runs or was lost; a step whose worker is gone is put into the queue again.

        While the queue's Redis is out of reach nobody knows, and all goes on: what it has forgotten then is seen later.
        """
        try:
            return super().check_step_health(step_handler_context)
        except _NO_BROKER as error:
            logger.warning("The queue's Redis is out of reach: %s", error)
            return CheckStepHealthResult.healthy()

    def _look(self, step_handler_context: "StepHandlerContext") -> CheckStepHealthResult:
        name = self._get_k8s_step_job_name(step_handler_context)
        place = self._broker.places.look(name)
        if refused := refusal(place):
            return CheckStepHealthResult.unhealthy(refused)
        if place == QUEUED and name not in self._seen:
            return CheckStepHealthResult.healthy()
        namespace = str(self._get_container_context(step_handler_context).namespace)
        job = self._api_client.read_job(name, namespace)
        if job is not None:
            self._seen.add(name)
        # A step whose Job was there and is not any more has run: begun anew, it would end without a word, as begun before.
        over = name in self._seen and (job is None or job.status.succeeded or job.status.failed)
        if place is None and not over:
            self._say(step_handler_context, f"The worker that had {name} is gone; the step is queued again.")
            # Its place is written before its message is sent: half of that would look like a step that waits.
            self._unmade.add(name)
            self._api_client.send_again(name)
            self._unmade.discard(name)
        if job is None and not over:
            return CheckStepHealthResult.healthy()
        return super()._look(step_handler_context)

    def terminate_step(self, step_handler_context: "StepHandlerContext") -> Iterator[dg.DagsterEvent]:
        """Take the step out of the queue, and end its pod."""
        self._broker.places.withdraw(self._get_k8s_step_job_name(step_handler_context))
        yield from super().terminate_step(step_handler_context)


def queued_executor(context: dg.InitExecutorContext) -> StepDelegatingExecutor:
    """Return the executor of a run whose steps go through a queue.

    Raises:
        BrokerMissingError: neither the run's config nor the environment says where the broker is.
    """
    url = context.executor_config.get("broker") or os.environ.get(BROKER_VARIABLE)
    if not url:
        raise BrokerMissingError(
            f"The steps of job {context.job.get_definition().name} wait in a queue, and {BROKER_VARIABLE} is not set: "
            "the address of its Redis, redis://..., in the environment of the code location's runs."
        )
    broker = Broker(str(url))
    stock = {name: value for name, value in context.executor_config.items() if name != "broker"}
    return executor_over(
        context._replace(executor_config=stock),
        QueuedStepHandler,
        _api_client=lambda: QueueingClient(broker),
        _broker=broker,
        _seen=set(),
    )
