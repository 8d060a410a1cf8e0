"""`MINDsmall_train/` and `MINDsmall_dev/` as https://learn.microsoft.com/azure/open-datasets/dataset-microsoft-news has them.

Faults: impressions that are there twice, lines with too few fields, times and impressions that can't be read, bytes
that are no UTF-8, news shown that news.tsv does not have, news without an abstract, numbers that both splits use.
"""

import random
from datetime import UTC, datetime
from pathlib import Path

from editorial.demo.text import chance, few, moment, title

_FIRST = {
    "MINDsmall_train": datetime(2019, 11, 9, tzinfo=UTC),
    "MINDsmall_dev": datetime(2019, 11, 15, tzinfo=UTC),
}
_NEWS = list(range(40))
_SECTIONS = [("news", "newsus"), ("sports", "football_nfl"), ("finance", "markets"), ("lifestyle", "travel")]


def write(folder: Path, draw: random.Random, rows: int) -> None:
    """Write both splits below `folder`: `rows` impressions for training, a third for validation."""
    for split, count, days in (("MINDsmall_train", rows, 6), ("MINDsmall_dev", rows // 3, 1)):
        behaviors = [_behavior(draw, number, _FIRST[split], days) for number in range(1, count + 1)]
        news = [_article(draw, number) for number in (_NEWS if days > 1 else _NEWS[:25])]
        place = folder / split
        place.mkdir(parents=True, exist_ok=True)
        (place / "behaviors.tsv").write_bytes(_lines(_spoilt(behaviors) if days > 1 else behaviors))
        (place / "news.tsv").write_bytes(_lines(news))


def _lines(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _behavior(draw: random.Random, number: int, first: datetime, days: int) -> bytes:
    shown = few(draw, _NEWS, 9)
    clicked = draw.choice(shown)
    impressions = " ".join(f"{_id(news)}-{int(news == clicked)}" for news in shown)
    history = " ".join(_id(news) for news in few(draw, _NEWS, 5)) if chance(draw, 0.9) else ""
    time = moment(draw, first, days)
    # The hour is not padded, as in the real files.
    shown_time = f"{time:%m/%d/%Y} {time.hour % 12 or 12}:{time:%M:%S %p}"
    return "\t".join([str(number), f"U{draw.randrange(70)}", shown_time, history, impressions]).encode()


def _id(news: int) -> str:
    return f"N{1000 + news * 37}"


def _article(draw: random.Random, number: int) -> bytes:
    section, below = _SECTIONS[number % len(_SECTIONS)]
    name = _id(number)
    abstract = f'{title(draw)}, said "a witness".' if number % 5 else ""
    entities = '[{"Label": "Harbour", "Type": "L", "WikidataId": "Q1", "Confidence": 1.0}]'
    url = f"https://assets.msn.com/labs/mind/{name}.html"
    return "\t".join([name, section, below, title(draw), abstract, url, entities, "[]"]).encode()


def _spoilt(lines: list[bytes]) -> list[bytes]:
    number, user, time, history, shown = lines[2].split(b"\t")
    broken = [
        b"\t".join([number, user, time]),
        b"\t".join([number, user, b"2019-11-11 09:05:58", history, shown]),
        b"\t".join([number, user, time, history, b""]),
        b"\t".join([number, b"U\xff", time, history, shown]),
        b"\t".join([b"9000001", user, time, history, shown + b" N99999-0"]),
    ]
    return [*lines, lines[1], *broken]
