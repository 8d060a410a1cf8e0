"""SmartMedia Adressa news dataset: the events of the readers of adressa.no, a JSON object per line.

Format: J. A. Gulla, L. Zhang, P. Liu, O. Özgöbek, X. Su, "The Adressa Dataset for News Recommendation" (WI 2017,
https://doi.org/10.1145/3106426.3109436) and https://reclab.idi.ntnu.no/dataset/. A download (`one_week.tar.gz`,
`three_month.tar.gz`) unpacks to a folder of its name with a file a day, called like it: `one_week/20170101`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from editorial.downloads import Download
from editorial.publishers.journal import Journal
from editorial.publishers.lines import BadLineError, batches, lines, text_of
from editorial.publishers.origin import INSTANT, ORIGIN

EVENTS = pa.schema(
    [
        ("event_id", pa.int64()),
        ("user_id", pa.string()),
        ("event_time", INSTANT),
        ("url", pa.string()),
        ("article_id", pa.string()),
        ("canonical_url", pa.string()),
        ("title", pa.string()),
        ("category1", pa.string()),
        ("keywords", pa.string()),
        ("published_time", INSTANT),
        ("active_time", pa.int64()),
        ("session_start", pa.bool_()),
        ("session_stop", pa.bool_()),
        ("device_type", pa.string()),
        ("os", pa.string()),
        ("referrer_host_class", pa.string()),
        ("referrer_url", pa.string()),
        ("city", pa.string()),
        ("region", pa.string()),
        ("country", pa.string()),
        *ORIGIN,
    ]
)

EVENTS_DESCRIPTION = """A page view of adressa.no per row, as published; UTC.

article_id (`id`), title, canonical_url, category1 (`nyheter|trondheim`), keywords and published_time are null on the
front page and the section pages. active_time: seconds of attention, null if it was not measured. event_id alone is
not unique over months. Not taken: `profile` (weights of a language model) and `author`."""

_TEXTS = {
    "url": "url",
    "id": "article_id",
    "canonicalUrl": "canonical_url",
    "title": "title",
    "category1": "category1",
    "keywords": "keywords",
    "deviceType": "device_type",
    "os": "os",
    "referrerHostClass": "referrer_host_class",
    "referrerUrl": "referrer_url",
    "city": "city",
    "region": "region",
    "country": "country",
}
# Seconds. Before and after, a number is no time of this dataset but a fault (milliseconds, zero).
_EARLIEST, _LATEST = 946_684_800, 4_102_444_800
_MOST_SECONDS = 2**31


def read_events(download: Download, journal: Journal) -> Iterator[pa.RecordBatch]:
    """Yield the events of a day's file with the columns EVENTS; empty lines are passed over.

    Rejected is a line that is no JSON object, or lacks eventId, userId, time or url, or has one of another type.
    """
    yield from batches(_rows(download, journal), EVENTS)


def _rows(download: Download, journal: Journal) -> Iterator[dict[str, Any]]:
    origin = {"source_file": download.name, "landed_at": download.landed_at}
    for number, line in lines(download.path):
        if line is not None and not line.strip():
            continue
        try:
            row = _event(text_of(line))
        except BadLineError as error:
            journal.reject(download, number, str(error), (line or b"").decode(errors="replace"))
        else:
            yield row | origin | {"source_row": number}


def _event(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise BadLineError("no JSON") from None
    if not isinstance(event, dict):
        raise BadLineError("no JSON object")
    row = {column: _text(event, name) for name, column in _TEXTS.items()}
    if not row["url"]:
        raise BadLineError("no url")
    active = _number(event, "activeTime")
    return row | {
        "event_id": _required(_number(event, "eventId"), "eventId"),
        "user_id": _required(_text(event, "userId"), "userId"),
        "event_time": _moment(_required(_number(event, "time"), "time")),
        "active_time": active if active is not None and 0 <= active < _MOST_SECONDS else None,
        "session_start": event.get("sessionStart") is True,
        "session_stop": event.get("sessionStop") is True,
        "published_time": _published(_text(event, "publishtime")),
    }


def _text(event: Mapping[str, Any], name: str) -> str | None:
    value = event.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadLineError(f"{name} is no text")
    # JSON can write what UTF-8 and Postgres can't: halves of surrogate pairs, and NUL.
    return value.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _number(event: Mapping[str, Any], name: str) -> int | None:
    value = event.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise BadLineError(f"{name} is no whole number")
    return value


def _required(value: Any, name: str) -> Any:
    if value is None:
        raise BadLineError(f"no {name}")
    return value


def _moment(seconds: int) -> datetime:
    if not _EARLIEST <= seconds < _LATEST:
        raise BadLineError("time is not in seconds of this century")
    return datetime.fromtimestamp(seconds, UTC)


def _published(text: str | None) -> datetime | None:
    """Return the time of publication; null where it can't be read: the event is still one."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
