"""Microsoft News Dataset (MIND): impressions with what was clicked in each, and the news.

Format: https://learn.microsoft.com/azure/open-datasets/dataset-microsoft-news and
https://github.com/msnews/msnews.github.io/blob/master/assets/doc/introduction.md. Tab-separated, UTF-8, no header,
no quoting. A download (`MINDsmall_train.zip`, `MINDlarge_dev.zip`, ...) unpacks to a folder of its name with
`behaviors.tsv` and `news.tsv`; its vectors of entities are not read.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from editorial.downloads import Download
from editorial.publishers.journal import Journal
from editorial.publishers.lines import BadLineError, batches, lines, text_of
from editorial.publishers.origin import INSTANT, ORIGIN

BEHAVIORS = pa.schema(
    [
        ("impression_id", pa.int64()),
        ("user_id", pa.string()),
        ("impression_time", INSTANT),
        ("history", pa.string()),
        ("impressions", pa.string()),
        *ORIGIN,
    ]
)
NEWS = pa.schema(
    [
        ("news_id", pa.string()),
        ("category", pa.string()),
        ("subcategory", pa.string()),
        ("title", pa.string()),
        ("abstract", pa.string()),
        ("url", pa.string()),
        ("title_entities", pa.string()),
        ("abstract_entities", pa.string()),
        *ORIGIN,
    ]
)

BEHAVIORS_DESCRIPTION = """An impression of MIND per row, as published.

impression_id counts within a download: the same number in another one is another impression. impression_time is
published without a time zone and taken as UTC. history: ids of news clicked before, or null. impressions: what was
shown, `N55689-1 N35729-0`, 1 for clicked; in the test sets without the clicks, `N55689 N35729`."""

NEWS_DESCRIPTION = """A news article of MIND per row, as published; the same article can be in several downloads.

title_entities and abstract_entities are JSON, as text."""

# 11/11/2019 9:05:58 AM: not padded, American, no time zone.
_TIME = "%m/%d/%Y %I:%M:%S %p"
_SHOWN = re.compile(r"\S+-[01](?: \S+-[01])*|[^\s-]+(?: [^\s-]+)*")


def read_behaviors(download: Download, journal: Journal) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a behaviors.tsv with the columns BEHAVIORS.

    Rejected is a line without five fields, without a user, whose number or time can't be read, or whose
    impressions are none.
    """
    yield from batches(_rows(download, journal, _behavior), BEHAVIORS)


def read_news(download: Download, journal: Journal) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a news.tsv with the columns NEWS. Rejected is a line without eight fields or an id."""
    yield from batches(_rows(download, journal, _news), NEWS)


def _rows(
    download: Download, journal: Journal, parse: Callable[[list[str]], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    origin = {"source_file": download.name, "landed_at": download.landed_at}
    for number, line in lines(download.path):
        try:
            row = parse(text_of(line).split("\t"))
        except BadLineError as error:
            journal.reject(download, number, str(error), (line or b"").decode(errors="replace"))
        else:
            yield row | origin | {"source_row": number}


def _behavior(fields: list[str]) -> dict[str, Any]:
    _check_length(fields, 5)
    number, user, time, history, shown = fields
    if not number.isascii() or not number.isdecimal():
        raise BadLineError("impression id is no number")
    if not user:
        raise BadLineError("no user id")
    if not _SHOWN.fullmatch(shown):
        raise BadLineError("impressions are not like N55689-1 N35729-0")
    try:
        moment = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise BadLineError("time is not like 11/11/2019 9:05:58 AM") from None
    return {
        "impression_id": int(number),
        "user_id": user,
        "impression_time": moment,
        "history": history or None,
        "impressions": shown,
    }


def _news(fields: list[str]) -> dict[str, Any]:
    names = NEWS.names[:8]
    _check_length(fields, len(names))
    if not fields[0]:
        raise BadLineError("no news id")
    return {name: value or None for name, value in zip(names, fields, strict=True)}


def _check_length(fields: list[str], expected: int) -> None:
    if len(fields) != expected:
        raise BadLineError(f"{len(fields)} fields instead of {expected}")
