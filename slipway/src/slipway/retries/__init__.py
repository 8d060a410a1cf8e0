"""Trying a step again when what went wrong can pass."""

from slipway.retries.policy import Retries, retried
from slipway.retries.transient import can_pass

__all__ = ["Retries", "can_pass", "retried"]
