"""Ports of the local platform: which process listens where, and who is in the way.

One base number is the only setting: the webserver listens on it, everything else on fixed offsets.
"""

import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from slipway.local.errors import LocalPlatformError

HOST = "127.0.0.1"
DEFAULT_BASE = 3000
VARIABLE = "SLIPWAY_PORT"
# Bases that can be chosen: above the privileged ports, and low enough for the offsets.
CHOICE = range(1024, 65001)
_CODE_SERVERS = 10


@dataclass(frozen=True)
class Ports:
    """Where each process listens, on the loopback interface only."""

    base: int

    @property
    def webserver(self) -> int:
        """The UI and GraphQL."""
        return self.base

    @property
    def postgres(self) -> int:
        """Postgres."""
        return self.base + 1

    @property
    def s3(self) -> int:
        """The S3 server."""
        return self.base + 2

    def code_server(self, index: int) -> int:
        """The gRPC code server of the code location at `index` in dg.toml."""
        return self.base + _CODE_SERVERS + index

    def all(self, code_locations: int) -> dict[str, int]:
        """Every port by the name of the process that listens there."""
        fixed = {"webserver": self.webserver, "postgres": self.postgres, "s3": self.s3}
        return fixed | {f"code server {i + 1}": self.code_server(i) for i in range(code_locations)}


def check_free(ports: dict[str, int]) -> None:
    """Make sure that nobody listens on `ports` (process name to port).

    Raises:
        LocalPlatformError: one is taken; the message names the port and, where it can be seen, the holder.
    """
    taken = [(name, port) for name, port in ports.items() if not is_free(port)]
    if not taken:
        return
    lines = [f"port {port} for {name} is taken by {_holder(port)}" for name, port in taken]
    raise LocalPlatformError(
        "Can't start: " + "; ".join(lines) + ".",
        f"Stop that program, or choose other ports: {VARIABLE}=4000 make up (uses 4000 and the next few).",
    )


def find_base(count: int, candidates: Sequence[int] = range(20000, 32000, 100)) -> int:
    """Return a base with all of the ports of `count` code locations free, at random.

    At random, because two platforms that start at the same moment would find the same first one.
    """
    for base in random.sample(candidates, len(candidates)):
        if all(is_free(port) for port in Ports(base).all(count).values()):
            return base
    raise LocalPlatformError("No free range of ports was found.", f"Set {VARIABLE} to one.")


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return "another program"
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
            continue
        if connection.laddr.port == port:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                break
    return "another program"
