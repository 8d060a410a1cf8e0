"""What can be set about arrivals.

Belongs here: names, defaults, reading them. They are read when the definitions are built, so a changed one
takes effect with a restart of the code server (`make reload` locally, a rollout on Kubernetes).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

QUARANTINE = "quarantine"
"""Folder of the landing zone for what can't be read; never below a prefix that is watched."""


@dataclass(frozen=True)
class ArrivalSettings:
    """How the landing zone is watched.

    Attributes:
        prefix: the folder that is watched, ORDERS_LANDING_PREFIX.
        interval_seconds: the least time between two looks, ORDERS_LANDING_INTERVAL_SECONDS.
        max_bytes: the largest file that is read, packed or unpacked, ORDERS_LANDING_MAX_BYTES.
        queue_url: the SQS queue that the bucket's events go to, ORDERS_LANDING_QUEUE_URL; none by default.
        reconcile_seconds: with a queue, the least time between two passes over the listing,
            ORDERS_LANDING_RECONCILE_SECONDS.
        files_per_tick: how many files a tick takes, ORDERS_LANDING_FILES_PER_TICK. The daemon records their runs
            one after the other, a fifth of a second each.
        waiting_runs: how many runs may wait for a place; files beyond that wait in the bucket,
            ORDERS_LANDING_WAITING_RUNS. The daemon reads all that wait, whole, each time it looks for the next
            to start: thousands would keep it, and Postgres, busy for hours.
    """

    prefix: str = "orders"
    interval_seconds: int = 30
    max_bytes: int = 256 * 1024**2
    queue_url: str = ""
    reconcile_seconds: int = 3600
    files_per_tick: int = 100
    waiting_runs: int = 300

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ) -> "ArrivalSettings":
        """Return the settings that the process's environment names; defaults for the others.

        Raises:
            ValueError: one is no whole number above zero, or the prefix holds the quarantine.
        """
        default = ArrivalSettings()
        prefix = (environment.get("ORDERS_LANDING_PREFIX") or default.prefix).strip("/")
        if f"{prefix}/".startswith(f"{QUARANTINE}/") or not prefix:
            raise ValueError(
                f"ORDERS_LANDING_PREFIX={prefix!r}: name a folder of the landing zone other than {QUARANTINE}/"
            )
        return ArrivalSettings(
            prefix,
            _number(environment, "ORDERS_LANDING_INTERVAL_SECONDS", default.interval_seconds),
            _number(environment, "ORDERS_LANDING_MAX_BYTES", default.max_bytes),
            environment.get("ORDERS_LANDING_QUEUE_URL") or default.queue_url,
            _number(environment, "ORDERS_LANDING_RECONCILE_SECONDS", default.reconcile_seconds),
            _number(environment, "ORDERS_LANDING_FILES_PER_TICK", default.files_per_tick),
            _number(environment, "ORDERS_LANDING_WAITING_RUNS", default.waiting_runs),
        )


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or int(text) == 0:
        raise ValueError(f"{name}={text!r} has to be a whole number above zero")
    return int(text)
