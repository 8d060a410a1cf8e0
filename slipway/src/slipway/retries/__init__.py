"""Trying again when what went wrong can pass: a step, and a run whose retry was overlooked."""

from slipway.retries.overlooked import build_overlooked_retries_sensor
from slipway.retries.policy import Retries, retried
from slipway.retries.transient import can_pass

__all__ = ["Retries", "build_overlooked_retries_sensor", "can_pass", "retried"]
