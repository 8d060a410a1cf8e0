"""Whether a server of the local platform serves yet (each probe answers at once and raises nothing), and waiting for it."""

import socket
import time
from collections.abc import Callable

import httpx
import psycopg

from slipway.errors import indented
from slipway.local import postgres, s3
from slipway.local.errors import LocalPlatformError
from slipway.local.ports import HOST
from slipway.local.programs import Plan
from slipway.local.supervision import Supervisor

READY_SECONDS = 60.0
# How long supervisord may wait between two tries before a process counts as broken: its first waits are 1 to 3 s.
FAILING_SECONDS = 2.5


def postgres_serves(plan: Plan) -> bool:
    """Whether Postgres takes a connection with the right password."""
    try:
        postgres.connect(plan.postgres, plan.secrets).close()
    except psycopg.OperationalError:
        return False
    return True


def s3_serves(plan: Plan) -> bool:
    """Whether the S3 server says that it is healthy."""
    try:
        return httpx.get(f"http://{HOST}:{plan.ports.s3}{s3.HEALTH_PATH}", timeout=2).is_success
    except httpx.HTTPError:
        return False


def listens(port: int) -> bool:
    """Whether anybody takes a TCP connection on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def wait_for(supervisor: Supervisor, name: str, ready: Callable[[], bool]) -> None:
    """Wait until a process serves; one that keeps ending is given up long before the time is over.

    Raises:
        LocalPlatformError: it does not come up; the message carries the end of its log.
    """
    began = failing_since = time.monotonic()
    while not ready():
        now = time.monotonic()
        process = supervisor.process(name)
        if process.state not in ("BACKOFF", "FATAL"):
            failing_since = now
        if now - began > READY_SECONDS or now - failing_since > FAILING_SECONDS:
            raise LocalPlatformError(
                f"{name} does not come up. The end of its log:\n{indented(supervisor.log_tail(name))}",
                f"The whole log is {supervisor.state.logs / (name + '.log')}.",
            )
        time.sleep(0.1)
