"""Receivers of alerts on this machine: a webhook over real HTTP, and a mail server over real SMTP."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from slipway.testing.ports import free_port

if TYPE_CHECKING:
    from email.message import EmailMessage


class Webhook:
    """Takes what Slack takes, on a path that is its secret; `answers` are given first, then 200."""

    PATH = "/services/T0/B0/the-secret"

    def __init__(self, port: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.tries: list[float] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.PATH}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def texts(self) -> list[str]:
        return [body["text"] for body in self.taken]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.tries.append(time.time())
                status, headers = hook.answers.pop(0) if hook.answers else (200, {})
                if status == 200 and self.path == hook.PATH:
                    hook.taken.append(body)
                self.send_response(status if self.path == hook.PATH else 404)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def do_GET(self) -> None:
                hook.tries.append(time.time())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class MailServer:
    """Takes every mail."""

    def __init__(self, **settings: Any) -> None:
        self.taken: list[EmailMessage] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), **settings)
        self._controller.start()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def close(self) -> None:
        self._controller.stop()

    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.taken]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def closing(*receivers: Webhook | MailServer) -> Iterator[None]:
    try:
        yield
    finally:
        for receiver in receivers:
            receiver.close()


def wait_until(true: Callable[[], object], what: Callable[[], object], timeout: float = 90) -> None:
    """Wait until `true()`; say what there was instead."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)
