"""Ekstra Bladet News Recommendation Dataset (EB-NeRD): impressions with what was in view and clicked, and the articles.

Format: https://recsys.eb.dk/dataset/. Parquet. A download (`ebnerd_demo.zip`, `ebnerd_small.zip`, `ebnerd_large.zip`,
`ebnerd_testset.zip`) unpacks to `articles.parquet` and, in `train/`, `validation/` or `test/`, `behaviors.parquet` and
`history.parquet`. The history (what users clicked in the weeks before) is not read: nothing is made of it here.
"""

from collections.abc import Iterator

import pyarrow as pa

from editorial.downloads import Download
from editorial.publishers.journal import Journal, UnreadableFileError
from editorial.publishers.lines import BATCH
from editorial.publishers.origin import INSTANT, ORIGIN

BEHAVIORS = pa.schema(
    [
        ("impression_id", pa.int64()),
        ("article_id", pa.int64()),
        ("impression_time", INSTANT),
        ("read_time", pa.float64()),
        ("scroll_percentage", pa.float64()),
        ("device_type", pa.int64()),
        ("article_ids_inview", pa.string()),
        ("article_ids_clicked", pa.string()),
        ("clicks_published", pa.bool_()),
        ("user_id", pa.int64()),
        ("is_sso_user", pa.bool_()),
        ("gender", pa.int64()),
        ("postcode", pa.int64()),
        ("age", pa.int64()),
        ("is_subscriber", pa.bool_()),
        ("session_id", pa.int64()),
        ("next_read_time", pa.float64()),
        ("next_scroll_percentage", pa.float64()),
        *ORIGIN,
    ]
)
ARTICLES = pa.schema(
    [
        ("article_id", pa.int64()),
        ("title", pa.string()),
        ("subtitle", pa.string()),
        ("last_modified_time", INSTANT),
        ("premium", pa.bool_()),
        ("published_time", INSTANT),
        ("article_type", pa.string()),
        ("url", pa.string()),
        ("category", pa.int64()),
        ("category_str", pa.string()),
        ("total_inviews", pa.int64()),
        ("total_pageviews", pa.int64()),
        ("total_read_time", pa.float64()),
        ("sentiment_score", pa.float64()),
        ("sentiment_label", pa.string()),
        *ORIGIN,
    ]
)

BEHAVIORS_DESCRIPTION = """An impression of EB-NeRD per row, as published.

impression_time is published without a time zone and taken as UTC. article_id: the page it happened on, null for the
front page. article_ids_inview and article_ids_clicked: ids with blanks between, null for none; clicks_published is
false where the clicks are not known, as in the test set. device_type: 1 desktop, 2 mobile, 3 tablet, 0 unknown. next_read_time: seconds on the
article that was clicked."""

ARTICLES_DESCRIPTION = """An article of EB-NeRD per row, as published; the same article can be in several downloads.

Times are taken as UTC. Not taken: the body, the images, and the tags of the publisher's models."""

# Without these a row is no impression and no article; a test set has no column article_ids_clicked.
_REQUIRED = {
    "behaviors": ["impression_id", "impression_time", "user_id", "article_ids_inview"],
    "articles": ["article_id"],
}


def read_behaviors(download: Download, journal: Journal) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a behaviors.parquet with the columns BEHAVIORS; a column that it lacks is null.

    Rejected is a row where impression_id, impression_time, user_id or article_ids_inview is null or empty.

    Raises:
        UnreadableFileError: it is no Parquet, or lacks one of those columns.
    """
    yield from _read(download, journal, BEHAVIORS, _REQUIRED["behaviors"])


def read_articles(download: Download, journal: Journal) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an articles.parquet with the columns ARTICLES. Rejected is a row without article_id.

    Raises:
        UnreadableFileError: it is no Parquet, or lacks article_id.
    """
    yield from _read(download, journal, ARTICLES, _REQUIRED["articles"])


def _read(
    download: Download, journal: Journal, schema: pa.Schema, required: list[str]
) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - 0.2 s that loading definitions must not pay

    try:
        with pq.ParquetFile(download.path) as file:
            missing = [name for name in required if name not in file.schema_arrow.names]
            if missing:
                raise UnreadableFileError(f"lacks the columns {', '.join(missing)}")
            wanted = [name for name in schema.names if name in file.schema_arrow.names]
            before = 0
            for batch in file.iter_batches(BATCH, columns=wanted):
                yield _taken(_converted(batch, schema, before, download), required, journal, download)
                before += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        # An error of the reader repeats bytes of the file.
        raise UnreadableFileError(f"no readable Parquet: {str(error)[:200]}") from None


def _converted(batch: pa.RecordBatch, schema: pa.Schema, before: int, download: Download) -> pa.RecordBatch:
    rows = batch.num_rows
    columns = []
    for field in schema:
        if field.name == "source_file":
            columns.append(pa.repeat(pa.scalar(download.name, field.type), rows))
        elif field.name == "landed_at":
            columns.append(pa.repeat(pa.scalar(download.landed_at, field.type), rows))
        elif field.name == "source_row":
            columns.append(pa.array(range(before + 1, before + rows + 1), field.type))
        elif field.name == "clicks_published":
            clicks = batch.schema.get_field_index("article_ids_clicked")
            columns.append(pa.repeat(False, rows) if clicks < 0 else batch.column(clicks).is_valid())
        elif field.name in batch.schema.names:
            columns.append(_column(batch.column(field.name), field.type))
        else:
            columns.append(pa.nulls(rows, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: pa.Array, kind: pa.DataType) -> pa.Array:
    import pyarrow.compute as pc  # noqa: PLC0415

    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        texts = [
            " ".join(str(one) for one in ids or () if one is not None) or None for ids in values.to_pylist()
        ]
        return pa.array(texts, kind)
    if pa.types.is_string(kind):
        return pc.replace_substring(values.cast(kind), "\x00", "\ufffd")
    return values.cast(kind, safe=False) if pa.types.is_floating(values.type) else values.cast(kind)


def _taken(
    batch: pa.RecordBatch, required: list[str], journal: Journal, download: Download
) -> pa.RecordBatch:
    import pyarrow.compute as pc  # noqa: PLC0415

    good = pa.array([True] * batch.num_rows, pa.bool_())
    for name in required:
        column = batch.column(name)
        there = pc.is_valid(column)
        for row in batch.filter(pc.and_(good, pc.invert(there))).to_pylist():
            shown = {key: value for key, value in row.items() if value is not None}
            journal.reject(download, row["source_row"], f"no {name}", shown)
        good = pc.and_(good, there)
    return batch.filter(good)
