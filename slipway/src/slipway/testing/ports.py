"""Ports for servers that tests start. Does not belong here: the local platform's (`slipway.local.ports`)."""

import random

from slipway.local.ports import is_free

# Below the ports that the kernel gives to outgoing connections (`ip_local_port_range`, 32768 and up): such a one may be gone again
# before the server listens on it. And below those that platforms choose from.
_PORTS = range(10_000, 20_000)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on.

    Raises:
        RuntimeError: there is none.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        if is_free(port):
            return port
    raise RuntimeError(f"no port from {_PORTS.start} to {_PORTS.stop} is free")
