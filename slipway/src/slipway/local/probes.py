"""Whether a server of the local platform serves yet; each probe answers at once and raises nothing."""

import socket

import httpx
import psycopg

from slipway.local import postgres, s3
from slipway.local.ports import HOST
from slipway.local.programs import Plan


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
