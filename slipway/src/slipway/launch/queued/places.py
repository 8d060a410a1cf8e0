"""Who has a step: it waits, a worker has it, it was withdrawn, or its Job was refused. Keyed by the Job's name.

A message in a queue says nothing of the worker that took it and died. So each side says that it is alive: the executor
renews the place of a step that waits, the worker the place of a step that it has. A place that nobody renews is
gone, and the executor puts the step into the queue again; a message whose place is gone is dropped.
"""

import redis

QUEUED_SECONDS = 120
"""A run that has gone without a word leaves nothing to do behind for longer than this."""
TAKEN_SECONDS = 30
"""After so long without a word a worker is given up."""
_KEPT_SECONDS = 3600

QUEUED = "queued"
WITHDRAWN = "withdrawn"
_TAKEN = "taken:"
_REFUSED = "refused:"

# KEYS[1] becomes ARGV[2] for ARGV[3] seconds, if it is ARGV[1].
_EXCHANGE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
# KEYS[1] becomes ARGV[1] for ARGV[2] seconds, unless it is something else.
_HOLD = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class Places:
    """The places of steps, in the Redis of this URL."""

    def __init__(self, url: str) -> None:
        self._redis: redis.Redis = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=10, socket_connect_timeout=5, health_check_interval=30
        )
        self._exchange = self._redis.register_script(_EXCHANGE)
        self._hold = self._redis.register_script(_HOLD)

    def queue(self, job_name: str) -> None:
        """Let a step wait; forgets whoever had it."""
        self._redis.set(_key(job_name), QUEUED, ex=QUEUED_SECONDS)

    def withdraw(self, job_name: str) -> None:
        """Let nobody begin a step, and whoever has it end it."""
        self._redis.set(_key(job_name), WITHDRAWN, ex=_KEPT_SECONDS)

    def look(self, job_name: str) -> str | None:
        """Return a step's place, and renew it if it waits; None if there is none any more."""
        self._change(job_name, QUEUED, QUEUED, QUEUED_SECONDS)
        found = self._redis.get(_key(job_name))
        return None if found is None else str(found)

    def take(self, job_name: str, worker: str) -> bool:
        """Give a step that waits to this worker; return whether it got it."""
        return self._change(job_name, QUEUED, _TAKEN + worker, TAKEN_SECONDS)

    def keep(self, job_name: str, worker: str) -> bool:
        """Renew this worker's place, also in a Redis that has forgotten it; return whether it still has the step."""
        taken = _TAKEN + worker
        return bool(self._hold(keys=[_key(job_name)], args=[taken, TAKEN_SECONDS]))

    def put_back(self, job_name: str, worker: str) -> bool:
        """Let a step that this worker has wait again; return whether it had it."""
        return self._change(job_name, _TAKEN + worker, QUEUED, QUEUED_SECONDS)

    def refuse(self, job_name: str, reason: str) -> None:
        """Say that Kubernetes would not have the step's Job."""
        self._redis.set(_key(job_name), _REFUSED + reason, ex=_KEPT_SECONDS)

    def leave(self, job_name: str, worker: str) -> None:
        """Say that the step that this worker had is over."""
        if self.keep(job_name, worker):
            self._redis.delete(_key(job_name))

    def _change(self, job_name: str, old: str, new: str, seconds: int) -> bool:
        return bool(self._exchange(keys=[_key(job_name)], args=[old, new, seconds]))


def refusal(place: str | None) -> str | None:
    """Return why Kubernetes would not have the step's Job, if that is what the place says."""
    return place.removeprefix(_REFUSED) if place and place.startswith(_REFUSED) else None


def _key(job_name: str) -> str:
    return f"slipway:step:{job_name}"
