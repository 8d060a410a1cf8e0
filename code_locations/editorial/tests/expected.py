"""What the models should come to, computed from the downloads with nothing of the location's own."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq


@dataclass(frozen=True)
class Shown:
    """An article shown to a user."""

    publisher: str
    impression: str
    article: str
    user: str
    at: datetime
    clicked: bool
    seconds: float | None


def impressions(folder: Path) -> list[Shown]:
    return [*_ebnerd(folder), *_adressa(folder), *_mind(folder)]


def _ebnerd(folder: Path) -> Iterable[Shown]:
    rows = {}
    for split in ("train", "validation"):
        for row in pq.read_table(folder / "ebnerd_demo" / split / "behaviors.parquet").to_pylist():
            if row["user_id"] is not None and row["article_ids_inview"]:
                # The demo's duplicates are equal.
                rows[row["impression_id"]] = row
    for number, row in rows.items():
        clicked = row["article_ids_clicked"]
        for article in set(row["article_ids_inview"]):
            yield Shown(
                "ebnerd",
                str(number),
                str(article),
                str(row["user_id"]),
                row["impression_time"].replace(tzinfo=UTC),
                article in clicked,
                row["next_read_time"] if clicked == [article] else None,
            )


def _adressa(folder: Path) -> Iterable[Shown]:
    found = {}
    for file in sorted((folder / "one_week").iterdir()):
        for line in file.read_text().splitlines():
            try:
                event = json.loads(line)
                at = datetime.fromtimestamp(event["time"], UTC)
                found[event["eventId"], event["time"]] = Shown(
                    "adressa",
                    f"{event['eventId']}@{event['time']}",
                    event["id"],
                    event["userId"],
                    at,
                    clicked=True,
                    seconds=event.get("activeTime"),
                )
            except (ValueError, KeyError, TypeError):
                continue
    return found.values()


def _mind(folder: Path) -> Iterable[Shown]:
    found = {}
    for split in ("MINDsmall_train", "MINDsmall_dev"):
        for line in (folder / split / "behaviors.tsv").read_bytes().split(b"\n"):
            try:
                number, user, time, _, shown = line.decode().split("\t")
                at = datetime.strptime(time, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
            except ValueError:
                continue
            for one in shown.split():
                article, _, clicked = one.rpartition("-")
                key = f"{split}#{number}"
                found[key, article] = Shown("mind", key, article, user, at, clicked == "1", None)
    return found.values()


def popularity(shown: Iterable[Shown]) -> dict[tuple, tuple]:
    """Return shown, clicks and readers by publisher, article and UTC day."""
    groups = defaultdict(list)
    for one in shown:
        groups[one.publisher, one.article, one.at.date()].append(one)
    return {
        key: (len(group), sum(one.clicked for one in group), len({one.user for one in group if one.clicked}))
        for key, group in groups.items()
    }


def overview(shown: Iterable[Shown]) -> dict[str, tuple]:
    """Return shown, clicks, users, articles, first and last day by publisher."""
    groups = defaultdict(list)
    for one in shown:
        groups[one.publisher].append(one)
    return {
        publisher: (
            len(group),
            sum(one.clicked for one in group),
            len({one.user for one in group}),
            len({one.article for one in group}),
            min(one.at for one in group).date(),
            max(one.at for one in group).date(),
        )
        for publisher, group in groups.items()
    }


def hourly(shown: Iterable[Shown]) -> dict[tuple, tuple]:
    """Return shown and clicks by publisher and UTC hour, of publishers that say what was not clicked."""
    groups = defaultdict(list)
    for one in shown:
        if one.publisher != "adressa":
            groups[one.publisher, one.at.hour].append(one.clicked)
    return {key: (len(group), sum(group)) for key, group in groups.items()}
