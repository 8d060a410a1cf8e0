"""Which errors can pass by themselves.

Belongs here: the judgement, by exception class, HTTP status, error code or SQLSTATE. Libraries are known
by their classes' names and never imported: an exception of a library that is not imported can't come.
"""

import errno
import re
import socket
from collections.abc import Callable
from typing import Any

_MOMENTARY = {
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ENETRESET,
}
_MOMENTARY_STATUS = {408, 425, 429}
_THROTTLED = re.compile(
    r"Throttl|SlowDown|TooManyRequests|RequestLimitExceeded|RequestTimeout$|InternalError"
)
_NO_ANSWER_OF_STORE = re.compile(r"error sending request|timed out|connection|: 5\d\d ", re.IGNORECASE)
_SERVER_FAULT = 500


def can_pass(error: BaseException) -> bool:
    """Tell whether trying again can help.

    It can for timeouts, lost and refused connections, HTTP 5xx, 408, 425 and 429, throttling, a name server that
    does not answer, and what Postgres says of itself (restarting, deadlock, too many connections), in exceptions of
    Python, httpx, requests, urllib3, botocore, obstore, psycopg, psycopg2 and SQLAlchemy. A dagster.Failure, and so every
    error of slipway's own, says itself: `allow_retries`. Everything else can't: a KeyError is a bug, a ValueError
    bad data, a refused password stays refused. Of an exception that nothing is known of, the one that it was
    raised from decides.
    """
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        verdict = _verdict(at)
        if verdict is not None:
            return verdict
        seen.add(id(at))
        at = at.__cause__
    return False


def _verdict(error: BaseException) -> bool | None:
    """Judge by the nearest class that is known; None if none is."""
    for kind in type(error).__mro__:
        judge = _JUDGES.get(f"{kind.__module__}.{kind.__qualname__}")
        if judge is not None:
            return judge(error)
    return None


def _yes(_: Any) -> bool:
    return True


def _no(_: Any) -> bool:
    return False


def _of_status(status: Any) -> bool:
    return isinstance(status, int) and (status >= _SERVER_FAULT or status in _MOMENTARY_STATUS)


def _of_response(error: Any) -> bool:
    return _of_status(getattr(error.response, "status_code", None))


def _of_aws(error: Any) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return _of_status(status) or bool(_THROTTLED.search(error.response.get("Error", {}).get("Code", "")))


def _of_reason(error: Any) -> bool:
    return isinstance(error.reason, BaseException) and can_pass(error.reason)


def _of_driver(error: Any) -> bool:
    from slipway.resources.postgres.errors import passes_by_itself  # noqa: PLC0415 - storage is imported by resources

    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""
    return passes_by_itself(str(error), sqlstate)


_JUDGES: dict[str, Callable[[Any], bool | None]] = {
    "dagster._core.definitions.events.Failure": lambda error: bool(error.allow_retries),
    "builtins.TimeoutError": _yes,
    "builtins.ConnectionError": _yes,
    "builtins.OSError": lambda error: error.errno in _MOMENTARY or None,
    "socket.gaierror": lambda error: error.errno == socket.EAI_AGAIN,
    "ssl.SSLCertVerificationError": _no,
    "http.client.IncompleteRead": _yes,
    "urllib.error.HTTPError": lambda error: _of_status(error.code),
    "urllib.error.URLError": _of_reason,
    "urllib3.exceptions.MaxRetryError": _of_reason,
    "urllib3.exceptions.SSLError": _no,
    "urllib3.exceptions.TimeoutError": _yes,
    "urllib3.exceptions.ProtocolError": _yes,
    "urllib3.exceptions.NewConnectionError": _yes,
    "httpx.TimeoutException": _yes,
    "httpx.NetworkError": _yes,
    "httpx.RemoteProtocolError": _yes,
    "httpx.HTTPStatusError": _of_response,
    "requests.exceptions.SSLError": _no,
    "requests.exceptions.Timeout": _yes,
    "requests.exceptions.ConnectionError": _yes,
    "requests.exceptions.ChunkedEncodingError": _yes,
    "requests.exceptions.HTTPError": _of_response,
    "botocore.exceptions.SSLError": _no,
    "botocore.exceptions.HTTPClientError": _yes,
    "botocore.exceptions.ConnectionError": _yes,
    "botocore.exceptions.ClientError": _of_aws,
    "obstore.exceptions.GenericError": lambda error: bool(_NO_ANSWER_OF_STORE.search(str(error))),
    "psycopg.Error": _of_driver,
    "psycopg2.Error": _of_driver,
    "sqlalchemy.exc.TimeoutError": _yes,
    "sqlalchemy.exc.DBAPIError": lambda error: isinstance(error.orig, BaseException) and can_pass(error.orig),
}
