"""`ebnerd_demo/` as https://recsys.eb.dk/dataset/ describes it: the columns and Parquet types of the real files.

Faults: impressions that are there twice (within a split, and in both), rows with nothing in view or without a user,
impressions without a click, articles in view that articles.parquet does not have, articles without a title.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from editorial.demo.text import SECTIONS, chance, few, moment, title

_FIRST = {"train": datetime(2023, 5, 18, 7), "validation": datetime(2023, 5, 25, 7)}  # noqa: DTZ001 - published so
_ARTICLES = list(range(9_770_000, 9_770_040))
_UNKNOWN = 9_799_999
_DEVICES = [1, 2, 2, 3, 0]

_BEHAVIORS = pa.schema(
    [
        ("impression_id", pa.uint32()),
        ("article_id", pa.int32()),
        ("impression_time", pa.timestamp("us")),
        ("read_time", pa.float32()),
        ("scroll_percentage", pa.float32()),
        ("device_type", pa.int8()),
        ("article_ids_inview", pa.list_(pa.int32())),
        ("article_ids_clicked", pa.list_(pa.int32())),
        ("user_id", pa.uint32()),
        ("is_sso_user", pa.bool_()),
        ("gender", pa.int8()),
        ("postcode", pa.int8()),
        ("age", pa.int8()),
        ("is_subscriber", pa.bool_()),
        ("session_id", pa.uint32()),
        ("next_read_time", pa.float32()),
        ("next_scroll_percentage", pa.float32()),
    ]
)
_HISTORY = pa.schema(
    [
        ("user_id", pa.uint32()),
        ("impression_time_fixed", pa.list_(pa.timestamp("us"))),
        ("scroll_percentage_fixed", pa.list_(pa.float32())),
        ("article_id_fixed", pa.list_(pa.int32())),
        ("read_time_fixed", pa.list_(pa.float32())),
    ]
)
_ARTICLES_SCHEMA = pa.schema(
    [
        ("article_id", pa.int32()),
        ("title", pa.string()),
        ("subtitle", pa.string()),
        ("last_modified_time", pa.timestamp("us")),
        ("premium", pa.bool_()),
        ("body", pa.string()),
        ("published_time", pa.timestamp("us")),
        ("image_ids", pa.list_(pa.int64())),
        ("article_type", pa.string()),
        ("url", pa.string()),
        ("ner_clusters", pa.list_(pa.string())),
        ("entity_groups", pa.list_(pa.string())),
        ("topics", pa.list_(pa.string())),
        ("category", pa.int16()),
        ("subcategory", pa.list_(pa.int16())),
        ("category_str", pa.string()),
        ("total_inviews", pa.int32()),
        ("total_pageviews", pa.int32()),
        ("total_read_time", pa.float32()),
        ("sentiment_score", pa.float32()),
        ("sentiment_label", pa.string()),
    ]
)


def write(folder: Path, draw: random.Random, rows: int) -> None:
    """Write the demo bundle below `folder`: `rows` impressions for training, a third for validation."""
    bundle = folder / "ebnerd_demo"
    train = [_impression(draw, 48_401 + number, "train") for number in range(rows)]
    validation = [_impression(draw, 148_401 + number, "validation") for number in range(rows // 3)]
    _spoil(train)
    validation.append(dict(train[0]))
    for split, impressions in (("train", train), ("validation", validation)):
        _write(bundle / split / "behaviors.parquet", impressions, _BEHAVIORS)
        _write(bundle / split / "history.parquet", _history(draw, split), _HISTORY)
    articles = [_article(draw, article) for article in _ARTICLES]
    articles[-1]["title"] = None
    _write(bundle / "articles.parquet", articles, _ARTICLES_SCHEMA)


def _write(file: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), file)


def _impression(draw: random.Random, number: int, split: str) -> dict[str, Any]:
    shown = few(draw, _ARTICLES, 8)
    clicked = [draw.choice(shown)] if chance(draw, 0.9) else []
    page = draw.choice([None, None, draw.choice(_ARTICLES)])
    return {
        "impression_id": number,
        "article_id": page,
        "impression_time": moment(draw, _FIRST[split] - timedelta(hours=7), 7),
        "read_time": float(draw.randint(1, 90)),
        "scroll_percentage": None if page is None else float(draw.randint(10, 100)),
        "device_type": draw.choice(_DEVICES),
        "article_ids_inview": shown,
        "article_ids_clicked": clicked,
        "user_id": 10_000 + draw.randrange(60),
        "is_sso_user": chance(draw, 0.3),
        "gender": draw.choice([None, None, None, 0, 1]),
        "postcode": draw.choice([None, None, None, 2]),
        "age": draw.choice([None, None, None, 50]),
        "is_subscriber": chance(draw, 0.2),
        "session_id": draw.randrange(400),
        "next_read_time": float(draw.randint(1, 200)) if clicked else None,
        "next_scroll_percentage": float(draw.randint(10, 100)) if clicked else None,
    }


def _spoil(impressions: list[dict[str, Any]]) -> None:
    impressions.append(dict(impressions[3]))
    impressions[5]["article_ids_inview"] = None
    impressions[6]["article_ids_inview"] = []
    impressions[7]["user_id"] = None
    impressions[8]["article_ids_inview"] = [*impressions[8]["article_ids_inview"], _UNKNOWN]


def _history(draw: random.Random, split: str) -> list[dict[str, Any]]:
    found = []
    for user in range(10_000, 10_060):
        read = few(draw, _ARTICLES, 6)
        times = sorted(moment(draw, _FIRST[split] - timedelta(days=21), 20) for _ in read)
        found.append(
            {
                "user_id": user,
                "impression_time_fixed": times,
                "scroll_percentage_fixed": [draw.choice([None, 100.0]) for _ in read],
                "article_id_fixed": read,
                "read_time_fixed": [float(draw.randint(0, 120)) for _ in read],
            }
        )
    return found


def _article(draw: random.Random, number: int) -> dict[str, Any]:
    section = draw.randrange(len(SECTIONS))
    published = moment(draw, datetime(2023, 5, 10), 14)  # noqa: DTZ001 - published so
    popular = chance(draw, 0.8)
    return {
        "article_id": number,
        "title": title(draw),
        "subtitle": title(draw),
        "last_modified_time": published + timedelta(days=40),
        "premium": chance(draw, 0.2),
        "body": f"{title(draw)}. {title(draw)}.",
        "published_time": published,
        "image_ids": [number * 10],
        "article_type": "article_default",
        "url": f"https://ekstrabladet.dk/{SECTIONS[section]}/{number}",
        "ner_clusters": ["Danmark"],
        "entity_groups": ["LOC"],
        "topics": [],
        "category": 118 + section,
        "subcategory": [196],
        "category_str": SECTIONS[section],
        "total_inviews": draw.randint(1_000, 90_000) if popular else None,
        "total_pageviews": draw.randint(100, 9_000) if popular else None,
        "total_read_time": float(draw.randint(1_000, 90_000)) if popular else None,
        "sentiment_score": round(draw.random(), 4),
        "sentiment_label": draw.choice(["Negative", "Neutral", "Positive"]),
    }
