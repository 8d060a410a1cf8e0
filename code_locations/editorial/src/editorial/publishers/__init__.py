"""The publishers: the tables that each is loaded to, and how a file of each is read.

A new publisher is a module here, its file names in `downloads.py`, its tables in `ALL`, and a staging model.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from editorial.downloads import Download
from editorial.publishers import adressa, ebnerd, mind
from editorial.publishers.journal import Journal

Reader = Callable[[Download, Journal], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Table:
    """One table of schema `raw`.

    Attributes:
        name: of the table, and of the asset: `raw/<name>`.
        schema: the columns that `read` gives.
        read: reads one file, a batch at a time; what it can't take goes into the journal.
        description: of the asset.
    """

    name: str
    schema: pa.Schema
    read: Reader
    description: str


@dataclass(frozen=True)
class Publisher:
    """One publisher: the unit that is loaded at once."""

    name: str
    tables: tuple[Table, ...]


ALL = (
    Publisher(
        "ebnerd",
        (
            Table("ebnerd", ebnerd.BEHAVIORS, ebnerd.read_behaviors, ebnerd.BEHAVIORS_DESCRIPTION),
            Table("ebnerd_articles", ebnerd.ARTICLES, ebnerd.read_articles, ebnerd.ARTICLES_DESCRIPTION),
        ),
    ),
    Publisher(
        "adressa", (Table("adressa", adressa.EVENTS, adressa.read_events, adressa.EVENTS_DESCRIPTION),)
    ),
    Publisher(
        "mind",
        (
            Table("mind", mind.BEHAVIORS, mind.read_behaviors, mind.BEHAVIORS_DESCRIPTION),
            Table("mind_news", mind.NEWS, mind.read_news, mind.NEWS_DESCRIPTION),
        ),
    ),
)

BY_NAME: Mapping[str, Publisher] = {publisher.name: publisher for publisher in ALL}
