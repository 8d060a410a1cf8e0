"""A proxy in front of an S3 server that can answer as an overloaded S3 does.

The answer is S3's own: HTTP 503, an XML body with the code SlowDown
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
"""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from slipway.local.ports import HOST

_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.'
    b"</Message><RequestId>1</RequestId><HostId>1</HostId></Error>"
)


class StoreProxy:
    """Hands every request on to the server at `port`, or refuses it while it is told to."""

    def __init__(self, port: int) -> None:
        self._refusing = threading.Event()
        self.refused = 0
        self.served = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy._refusing.is_set():
                    proxy.refused += 1
                    self._send(503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
                    return
                proxy.served += 1
                # The request's signature covers its Host header: it goes on as it came.
                connection = http.client.HTTPConnection(HOST, port, timeout=60)
                connection.request(self.command, self.path, body or None, dict(self.headers))
                answer = connection.getresponse()
                self._send(answer.status, dict(answer.getheaders()), answer.read())
                connection.close()

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def slow_down(self) -> None:
        """Refuse every request from now on."""
        self._refusing.set()

    def recover(self) -> None:
        self._refusing.clear()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
