"""`one_week/` of the Adressa dataset as https://reclab.idi.ntnu.no/dataset/ publishes it: a file of JSON lines a day.

Faults: events that are there twice, lines cut off in the middle, lines that are no object, events without a user or
with a time in milliseconds, active times that are missing, an unreadable time of publication, a day without an event.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from editorial.demo.text import chance, few, moment, title

_FIRST = datetime(2017, 1, 1, tzinfo=UTC)
_DAYS = 3
_PLACES = [("trondheim", "sor-trondelag"), ("oslo", "oslo"), ("stjordal", "nord-trondelag")]


def write(folder: Path, draw: random.Random, rows: int) -> None:
    """Write three days below `folder`: `rows` events in all, and a fourth day that is empty."""
    articles = [_article(draw, number) for number in range(30)]
    for day in range(_DAYS):
        start = _FIRST + timedelta(days=day)
        events = [_event(draw, articles, start) for _ in range(rows // _DAYS)]
        lines = [json.dumps(event) for event in sorted(events, key=lambda event: event["time"])]
        _write(folder / "one_week" / f"{start:%Y%m%d}", _spoilt(lines) if day == 0 else lines)
    _write(folder / "one_week" / f"{_FIRST + timedelta(days=_DAYS):%Y%m%d}", [])


def _write(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


def _article(draw: random.Random, number: int) -> dict[str, Any]:
    section = draw.choice(["nyheter|trondheim", "nyheter", "sport|fotball", "kultur", "100sport"])
    name = title(draw)
    path = f"{section.replace('|', '/')}/2016/12/31/{name.replace(' ', '-')}-140{number:05}.ece"
    published = _FIRST - timedelta(minutes=draw.randrange(3000))
    return {
        "profile": [{"item": "no", "groups": [{"count": 1, "group": "language", "weight": 1.0}]}],
        "category1": section,
        "canonicalUrl": f"http://www.adressa.no/{path}",
        "publishtime": published.strftime("%Y-%m-%dT%H:%M:%S.000Z") if number else "in the morning",
        "keywords": "utenriks,innenriks,trondheim",
        "id": f"{draw.getrandbits(160):040x}",
        "title": name,
        "url": f"http://adressa.no/{path.lower()}",
        "author": ["ola nordmann"],
    }


def _event(draw: random.Random, articles: list[dict[str, Any]], start: datetime) -> dict[str, Any]:
    city, region = draw.choice(_PLACES)
    page = articles[few(draw, list(range(len(articles))), 2)[0]] if chance(draw, 0.7) else {}
    event = {
        "url": "http://adressa.no",
        **page,
        "eventId": draw.randrange(10**9),
        "city": city,
        "region": region,
        "country": "no",
        "referrerHostClass": draw.choice(["direct", "search", "internal"]),
        "time": int(moment(draw, start, 1).timestamp()),
        "userId": f"cx:{draw.randrange(80):021d}:z9xm0v0hh3qy",
        "sessionStart": chance(draw, 0.3),
        "sessionStop": chance(draw, 0.3),
        "deviceType": draw.choice(["Mobile", "Desktop", "Tablet"]),
        "os": draw.choice(["iPhone OS", "Android", "Windows"]),
    }
    if chance(draw, 0.6):
        event["activeTime"] = draw.randint(1, 240)
    return event


def _spoilt(lines: list[str]) -> list[str]:
    broken = [
        lines[4][: len(lines[4]) // 2],
        '"no object"',
        lines[5].replace('"userId"', '"user"'),
        json.dumps(json.loads(lines[6]) | {"time": json.loads(lines[6])["time"] * 1000}),
    ]
    return [*lines[:10], lines[9], "", *broken, *lines[10:]]
