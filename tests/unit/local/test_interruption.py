"""Ctrl-C while a backfill is handed over: the command ends with 130 and says what goes on without it."""

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import pytest
import typer
from rich.console import Console

from slipway.commands.backfill import INTERRUPTED, interruptible
from slipway.graphql import GraphQL
from slipway.local.backfill.assets import Asset
from slipway.local.backfill.command import Work
from slipway.local.backfill.launches import Backfills
from slipway.local.backfill.plan import Target

ANSWER = b'{"data": {"launchPartitionBackfill": {"__typename": "LaunchBackfillSuccess", "backfillId": "abcdefgh"}}}'
TARGETS = [Target(Asset("days", "orders", definition="Daily.", partitions=("2026-01-01",)), ("2026-01-01",))]


class Webserver:
    """Launches backfills, and presses Ctrl-C before it answers."""

    def __init__(self) -> None:
        self.presses = 1
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                for _ in range(server.presses):
                    server.pressed.clear()
                    os.kill(os.getpid(), signal.SIGINT)
                    server.pressed.wait(10)
                self.send_response(200)
                self.send_header("Content-Length", str(len(ANSWER)))
                self.end_headers()
                self.wfile.write(ANSWER)

            def log_message(self, *_: object) -> None:
                pass

        self.pressed = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()


class Page(StringIO):
    """What is printed; lets the webserver know that something was."""

    def __init__(self, webserver: Webserver) -> None:
        super().__init__()
        self.webserver = webserver

    def write(self, text: str) -> int:
        self.webserver.pressed.set()
        return super().write(text)


@pytest.fixture
def webserver() -> Iterator[Webserver]:
    made = Webserver()
    yield made
    made.http.shutdown()
    made.http.server_close()


def launch(webserver: Webserver) -> tuple[Work, str]:
    """Launch a backfill as the command does, be interrupted, and return what it printed."""
    page = Page(webserver)
    console = Console(file=page, width=200)
    work = Work(Backfills(GraphQL(webserver.http.server_port)), console)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(typer.Exit) as ended, interruptible(work):
        work.launch(TARGETS, {})
    assert ended.value.exit_code == INTERRUPTED == 130
    assert signal.getsignal(signal.SIGINT) is before
    return work, page.getvalue()


def test_ctrl_c_before_the_answer_waits_for_it_and_names_the_backfill(webserver: Webserver) -> None:
    work, said = launch(webserver)
    assert work.going == ["abcdefgh"]
    assert "waiting to be told which backfill goes on" in said
    assert "Backfill abcdefgh goes on without this command" in said
    assert "slipway backfill --follow abcdefgh" in said
    assert "slipway backfill --cancel abcdefgh" in said


def test_a_second_ctrl_c_does_not_wait(webserver: Webserver) -> None:
    webserver.presses = 2
    work, said = launch(webserver)
    assert work.going == []
    assert "only the UI tells whether there is one" in said
    assert said.rstrip().endswith("Interrupted.")
