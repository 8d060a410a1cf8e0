import os
import socket
from collections.abc import Iterator

import pytest

from slipway.local.errors import LocalPlatformError
from slipway.local.ports import HOST, Ports, check_free, find_base


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_no_two_processes_share_a_port() -> None:
    ports = Ports(4000).all(code_locations=20)
    assert len(set(ports.values())) == len(ports) == 23


def test_a_taken_port_is_named_with_its_holder(taken: int) -> None:
    with pytest.raises(
        LocalPlatformError, match=rf"port {taken} for webserver is taken by .*process {os.getpid()}"
    ) as caught:
        check_free({"webserver": taken})
    assert "SLIPWAY_PORT=" in caught.value.hint


def test_free_ports_are_accepted_and_taken_ones_skipped(taken: int) -> None:
    base = find_base(1)
    check_free(Ports(base).all(1))
    assert find_base(1, candidates=[taken, base]) == base
    with pytest.raises(LocalPlatformError, match="No free range"):
        find_base(1, candidates=[taken])
