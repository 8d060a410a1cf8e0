"""Celery as both sides use it. Does not belong here: what a worker does with a step (`worker.py`)."""

from collections.abc import Mapping
from typing import Any

from celery import Celery

TASK = "slipway.carry_out_step"
BROKER_VARIABLE = "SLIPWAY_CELERY_BROKER_URL"
DEFAULT_QUEUE = "dagster"

# The tags of dagster-celery, which need not be installed for them.
QUEUE_TAG = "dagster-celery/queue"
PRIORITY_TAG = "dagster-celery/priority"
RUN_PRIORITY_TAG = "dagster-celery/run_priority"

_PRIORITIES = 10
_SETTINGS = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_default_queue": DEFAULT_QUEUE,
    # A message stays until its step is over, and a worker takes none that it can't begin.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {
        # A worker that dies between taking a message and taking its step: until then nobody else gets it.
        "visibility_timeout": 300,
        "priority_steps": list(range(_PRIORITIES)),
        "queue_order_strategy": "priority",
        "socket_keepalive": True,
        "health_check_interval": 30,
    },
}


def make_app(broker_url: str) -> Celery:
    """Return a Celery app over this broker (redis://...)."""
    app = Celery("slipway", broker=broker_url)
    app.conf.update(_SETTINGS)
    return app


def queue_of(tags: Mapping[str, str]) -> str:
    """Return the queue that a step's tags name."""
    return tags.get(QUEUE_TAG, DEFAULT_QUEUE)


def priority_of(step_tags: Mapping[str, str], run_tags: Mapping[str, str]) -> int:
    """Return the broker's priority of a step, 0 to 9.

    In the tags more is sooner, as with dagster-celery (5 of 10 when not given); in Redis 0 is the soonest, unlike in RabbitMQ
    (https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities).
    """
    wanted = _number(step_tags.get(PRIORITY_TAG), 5) + _number(run_tags.get(RUN_PRIORITY_TAG), 0)
    return min(max(_PRIORITIES - wanted, 0), _PRIORITIES - 1)


def _number(text: Any, default: int) -> int:
    try:
        return int(text)
    except (TypeError, ValueError):
        return default
