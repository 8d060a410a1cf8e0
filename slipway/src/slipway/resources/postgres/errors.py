"""What can go wrong between an asset and Postgres, and whether trying again can help.

Belongs here: the exception classes and the decision which of them a failure is. Every one is a
`dagster.Failure`, so that the UI shows the message instead of a stack of driver frames, and so that
a retry policy is obeyed for what passes by itself and skipped for what does not.

Does not belong here: retrying. Opening a connection is retried in `connection`; everything later is
left to the asset's retry policy, because rows may have been handed out already.
"""

import re
from typing import ClassVar

import dagster as dg

QUERY_CHARACTERS = 200

_REFUSED_AT_LOGIN = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|does not exist|not permitted to log in"
    r"|permission denied|invalid (?:URI|connection option|port|sslmode|integer value)|root certificate",
)
# libpq reports a broken connection in words, without a SQLSTATE.
_BROKEN_PIPE = re.compile(
    r"server closed the connection|no connection to the server|connection (?:not open|pointer is NULL)"
    r"|terminating connection|connection has been closed|could not (?:send|receive) data|SSL SYSCALL"
    r"|Connection (?:reset|refused|timed out)",
)
_SERVER_MESSAGE = re.compile(
    r"(?:ERROR|FATAL|PANIC):\s*(?P<message>.*?)\s*(?:SQLSTATE: \w+)?\s*\Z", re.DOTALL
)
_ECHO = re.compile(r"^(?:LINE \d+:.*|\s*\^\s*|Query was: .*|CONTEXT: .*)$", re.MULTILINE)


class PostgresError(dg.Failure):
    """Base of everything `PostgresResource` raises on purpose."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, database: str = "", query: str = "", sqlstate: str = "") -> None:
        shown = {"database": database, "query": query, "sqlstate": sqlstate}
        super().__init__(
            description=message,
            metadata={name: value for name, value in shown.items() if value},
            allow_retries=self.retryable,
        )
        self.sqlstate = sqlstate


class UrlError(PostgresError):
    """The URL is not one of a Postgres database."""


class ConnectionFailedError(PostgresError):
    """No connection came about within the time allowed; a later attempt may succeed."""

    retryable = True


class AccessDeniedError(PostgresError):
    """Role, password, database or privilege: the server answered, and said no."""


class ConnectionLostError(PostgresError):
    """The connection broke in use: server restarted, backend killed, network gone."""

    retryable = True


class ConflictError(PostgresError):
    """Deadlock, serialisation failure or lock timeout: nothing was written, a second attempt can succeed."""

    retryable = True


class ServerBusyError(PostgresError):
    """The server is out of connections, memory or disk, or a statement ran into its time limit."""

    retryable = True


class QueryError(PostgresError):
    """Postgres refuses the query itself."""


class MissingRelationError(QueryError):
    """A table or a column that is named does not exist."""


class RefusedDataError(PostgresError):
    """The rows can't be read or written as they are; nothing was written."""


def shortened(query: str) -> str:
    """Return `query` on one line and at most `QUERY_CHARACTERS` characters long."""
    line = " ".join(query.split())
    return line if len(line) <= QUERY_CHARACTERS else line[: QUERY_CHARACTERS - 3] + "..."


def server_message(text: str) -> str:
    """Return what Postgres said, with detail and hint, on one line, without the driver's additions."""
    found = _SERVER_MESSAGE.search(text)
    message = found["message"] if found else text
    return " ".join(_ECHO.sub("", message).split()).rstrip(" .")


def refused_at_login(text: str) -> bool:
    """Tell whether a failure to connect is one that waiting does not cure."""
    return _REFUSED_AT_LOGIN.search(text) is not None


def passes_by_itself(text: str, sqlstate: str) -> bool:
    """Tell whether a failure of any driver can pass: `text` is its message, `sqlstate` empty where libpq failed."""
    if not sqlstate and not refused_at_login(text):
        return _BROKEN_PIPE.search(text) is not None or "timeout expired" in text
    return bool(sqlstate) and _kind(text, sqlstate)[0].retryable


def query_failure(text: str, sqlstate: str, query: str, database: str) -> PostgresError:
    """Return the exception for a failed statement.

    `text` is the driver's message and `sqlstate` the five characters of Postgres' appendix A
    (https://www.postgresql.org/docs/current/errcodes-appendix.html), empty where libpq itself failed.
    """
    kind, advice = _kind(text, sqlstate)
    said = server_message(text)
    return kind(
        f"{database}: {said}{advice} [query: {shortened(query)}]",
        database=database,
        query=query,
        sqlstate=sqlstate,
    )


def _kind(text: str, sqlstate: str) -> tuple[type[PostgresError], str]:
    """Return the class for a failure, and what to add to its message."""
    if not sqlstate and _BROKEN_PIPE.search(text):
        return _KINDS["08"]
    for length in (5, 2):
        if sqlstate[:length] in _KINDS:
            return _KINDS[sqlstate[:length]]
    return QueryError, ""


_LOST = (ConnectionLostError, " (the connection broke; nothing of this transaction is kept)")
_AGAIN = (ConflictError, " (nothing was written; run it again)")
_KINDS: dict[str, tuple[type[PostgresError], str]] = {
    "08": _LOST,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _LOST,
    "57P05": _LOST,
    "25P03": _LOST,
    "25P04": _LOST,
    "40001": _AGAIN,
    "40P01": _AGAIN,
    "55P03": _AGAIN,
    "57014": (ServerBusyError, " (the resource's statement_timeout_seconds, or somebody's cancel)"),
    "53": (ServerBusyError, ""),
    "42501": (AccessDeniedError, ""),
    "42P01": (MissingRelationError, ""),
    "42703": (MissingRelationError, ""),
    "3F000": (MissingRelationError, ""),
    "22": (RefusedDataError, ""),
    "23": (RefusedDataError, ""),
}
"""By SQLSTATE, or by its class, the first two characters."""
