"""What can pass and what can't, with the exceptions that the libraries themselves raise."""

import errno
import http.client
import io
import socket
import ssl
import urllib.error

import botocore.exceptions
import dagster as dg
import httpx
import psycopg
import psycopg2
import pytest
import requests
import sqlalchemy.exc
import urllib3.exceptions

from slipway.resources.postgres import errors as postgres
from slipway.retries import can_pass

REQUEST = httpx.Request("GET", "http://feed")


def answered(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(status, request=REQUEST))


def answered_requests(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("no", response=response)


def answered_aws(status: int, code: str) -> botocore.exceptions.ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, "GetObject")


def answered_urllib(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://feed", status, "no", http.client.HTTPMessage(), io.BytesIO())


def raised_from(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def through_sqlalchemy(error: Exception) -> Exception:
    return sqlalchemy.exc.DBAPIError.instance("SELECT 1", {}, error, psycopg.Error)  # type: ignore[return-value]


PASSING = {
    "timeout": TimeoutError(),
    "socket timeout": socket.timeout(),  # noqa: UP041 - its own name
    "reset": ConnectionResetError(),
    "refused": ConnectionRefusedError(),
    "broken pipe": BrokenPipeError(),
    "no route": OSError(errno.EHOSTUNREACH, "No route to host"),
    "name server silent": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "hung up": http.client.RemoteDisconnected(""),
    "cut off": http.client.IncompleteRead(b""),
    "urllib 503": answered_urllib(503),
    "urllib no connection": urllib.error.URLError(ConnectionRefusedError()),
    "urllib3 gave up": urllib3.exceptions.MaxRetryError(None, "/", urllib3.exceptions.ProtocolError()),  # type: ignore[arg-type]
    "httpx timeout": httpx.ReadTimeout("slow", request=REQUEST),
    "httpx refused": httpx.ConnectError("no", request=REQUEST),
    "httpx cut off": httpx.RemoteProtocolError("no", request=REQUEST),
    "httpx 503": answered(503),
    "httpx 429": answered(429),
    "requests timeout": requests.ConnectTimeout(),
    "requests connection": requests.ConnectionError(),
    "requests 502": answered_requests(502),
    "boto endpoint": botocore.exceptions.EndpointConnectionError(endpoint_url="http://s3"),
    "boto timeout": botocore.exceptions.ReadTimeoutError(endpoint_url="http://s3"),
    "boto 500": answered_aws(500, "InternalError"),
    "boto slow down": answered_aws(400, "ThrottlingException"),
    "psycopg refused": psycopg.OperationalError("connection failed: Connection refused"),
    "psycopg timeout": psycopg.OperationalError("connection timeout expired"),
    "psycopg shut down": psycopg.errors.AdminShutdown("terminating connection due to administrator command"),
    "psycopg deadlock": psycopg.errors.DeadlockDetected("deadlock detected"),
    "psycopg full": psycopg.errors.TooManyConnections("sorry, too many clients already"),
    "psycopg2 gone": psycopg2.OperationalError("server closed the connection unexpectedly"),
    "sqlalchemy over psycopg": through_sqlalchemy(psycopg.errors.SerializationFailure("could not serialize")),
    "sqlalchemy pool": sqlalchemy.exc.TimeoutError(),
    "own": postgres.ConnectionLostError("gone"),
    "failure that allows it": dg.Failure("busy", allow_retries=True),
    "wrapped": raised_from(RuntimeError("the feed could not be read"), TimeoutError()),
    "wrapped twice": raised_from(RuntimeError("load"), raised_from(ValueError("extract"), answered(503))),
}
LASTING = {
    "bug": KeyError("amount"),
    "bad data": ValueError("'12,50' is no number"),
    "type": TypeError(),
    "no file": FileNotFoundError(errno.ENOENT, "No such file"),
    "no permission": PermissionError(errno.EACCES, "Permission denied"),
    "unknown host": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "certificate": ssl.SSLCertVerificationError(),
    "urllib 404": answered_urllib(404),
    "urllib no protocol": urllib.error.URLError("unknown url type"),
    "httpx 404": answered(404),
    "httpx 401": answered(401),
    "httpx bad url": httpx.UnsupportedProtocol("no scheme"),
    "requests 400": answered_requests(400),
    "requests certificate": requests.exceptions.SSLError(),
    "boto 403": answered_aws(403, "AccessDenied"),
    "boto no key": answered_aws(404, "NoSuchKey"),
    "boto parameters": botocore.exceptions.ParamValidationError(report="no"),
    "psycopg syntax": psycopg.errors.SyntaxError("syntax error"),
    "psycopg no table": psycopg.errors.UndefinedTable("relation does not exist"),
    "psycopg bad value": psycopg.errors.InvalidTextRepresentation("invalid input syntax"),
    "psycopg password": psycopg.OperationalError('FATAL: password authentication failed for user "x"'),
    "psycopg2 no database": psycopg2.OperationalError('FATAL: database "x" does not exist'),
    "sqlalchemy over psycopg": through_sqlalchemy(psycopg.errors.UniqueViolation("duplicate key")),
    "own": postgres.RefusedDataError("money"),
    "failure that forbids it": dg.Failure("bad rows", allow_retries=False),
    "failure over a timeout": raised_from(dg.Failure("bad rows", allow_retries=False), TimeoutError()),
    "only during one": raised_from(KeyError("amount"), ValueError()),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_what_can_pass(error: Exception) -> None:
    assert can_pass(error)


@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING)
def test_what_cannot(error: Exception) -> None:
    assert not can_pass(error)


def test_a_bug_in_the_handling_of_a_timeout_is_a_bug() -> None:
    caught: Exception | None = None
    try:
        try:
            raise TimeoutError  # noqa: TRY301
        except TimeoutError:
            {}["amount"]
    except KeyError as error:
        caught = error
    assert caught is not None
    assert isinstance(caught.__context__, TimeoutError)
    assert not can_pass(caught)


def test_a_chain_that_ends_in_itself_is_left() -> None:
    first, second = RuntimeError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert not can_pass(first)
