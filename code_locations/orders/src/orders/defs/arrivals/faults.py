"""What can be wrong with a file so that no later attempt will read it.

Belongs here: the one exception that leads to quarantine, and its reasons. Does not belong here: finding
them (`formats.py`, `rows.py`), what follows from them (`quarantine.py`).
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a file is set aside."""

    EMPTY = "empty"
    TOO_LARGE = "too large"
    UNKNOWN_FORMAT = "unknown format"
    TRUNCATED = "truncated"
    ENCODING = "wrong encoding"
    SCHEMA = "wrong schema"
    VALUE = "bad value"


class BadFileError(Exception):
    """The file can't be taken; `line` counts from 1 (the header's, if any), for Parquet it is the row."""

    def __init__(
        self, reason: Reason, explanation: str, *, column: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(explanation)
        self.reason = reason
        self.explanation = explanation
        self.column = column
        self.line = line
