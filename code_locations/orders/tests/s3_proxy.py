"""A proxy in front of an S3 server, for tests that decide when a request reaches it.

Belongs here: handing requests on, byte by byte as they came (the signature covers the Host header too). Which of them
wait, and for what, is the test's business.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = ("transfer-encoding", "connection", "content-length")


@contextmanager
def proxied(url: str, before: Callable[[str, str], None]) -> Iterator[str]:
    """Yield the URL of a proxy that calls `before` with method and path, and then hands the request on to `url`.

    `before` is called by a thread for each connection.
    """
    place = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            before(self.command, self.path)
            server = http.client.HTTPConnection(place, timeout=60)
            server.request(self.command, self.path, body or None, dict(self.headers))
            answer = server.getresponse()
            content = answer.read()
            server.close()
            try:
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                length = answer.headers["Content-Length"] if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except ConnectionError:
                # Who asked has not waited for it.
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
