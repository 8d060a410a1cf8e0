"""What the readers make of files as the publishers have them, beyond the demo's."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editorial.downloads import RawDownloads
from editorial.publishers import ALL
from editorial.publishers import lines as text_files
from editorial.publishers.journal import KEPT, Entry, Journal, UnreadableFileError

TABLES = {table.name: table for publisher in ALL for table in publisher.tables}


def read(folder: Path) -> tuple[list[dict], Entry]:
    """Read the one file of the folder; return its rows and what the journal says."""
    (download,) = RawDownloads(folder=str(folder)).files()
    journal = Journal()
    entry = journal.begin(download)
    rows = [row for batch in TABLES[download.table].read(download, journal) for row in batch.to_pylist()]
    return rows, entry


def test_the_test_set_of_mind_has_no_clicks(tmp_path: Path) -> None:
    (tmp_path / "behaviors.tsv").write_text("1\tU1\t11/19/2019 9:05:58 AM\t\tN1 N2\n")
    rows, entry = read(tmp_path)
    assert (rows[0]["impressions"], rows[0]["history"], entry.rejected) == ("N1 N2", None, 0)


def test_the_test_set_of_ebnerd_lacks_columns(tmp_path: Path) -> None:
    columns = {
        "impression_id": pa.array([1, 2], pa.uint32()),
        "impression_time": pa.array([0, 0], pa.timestamp("us")),
        "user_id": pa.array([7, 7], pa.uint32()),
        "article_ids_inview": pa.array([[3, None, 4], None], pa.list_(pa.int32())),
        "is_beyond_accuracy": pa.array([False, True]),
    }
    pq.write_table(pa.table(columns), tmp_path / "behaviors.parquet")
    rows, entry = read(tmp_path)
    assert [row["article_ids_inview"] for row in rows] == ["3 4"]
    assert (rows[0]["clicks_published"], rows[0]["article_ids_clicked"]) == (False, None)
    assert dict(entry.reasons) == {"no article_ids_inview": 1}


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1 cut off"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "articles.parquet").write_bytes(content)
    with pytest.raises(UnreadableFileError, match="no readable Parquet"):
        read(tmp_path)


def test_parquet_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"impression_id": [1]}), tmp_path / "behaviors.parquet")
    with pytest.raises(UnreadableFileError, match="lacks the columns impression_time, user_id"):
        read(tmp_path)


def test_a_line_without_an_end_does_not_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "LONGEST", 1000)
    good = '{"eventId": 1, "userId": "u", "time": 1483225202, "url": "http://adressa.no"}\n'
    (tmp_path / "20170101").write_text("x" * 100_000 + "\n" + good)
    rows, entry = read(tmp_path)
    assert [row["source_row"] for row in rows] == [2]
    assert dict(entry.reasons) == {"longer than 1000 bytes": 1}


def test_what_postgres_cannot_store_is_replaced_or_rejected(tmp_path: Path) -> None:
    event = '{"eventId": 1, "userId": "u", "time": 1483225202, "url": "http://adressa.no", "title": "%s"}\n'
    (tmp_path / "20170101").write_text(event % "a\\u0000b\\ud800c" + event % "a\x00b")
    rows, entry = read(tmp_path)
    assert [row["title"] for row in rows] == ["a\ufffdb?c"]
    assert entry.rejected == 1


def test_all_rejected_lines_are_counted_and_the_first_kept(tmp_path: Path) -> None:
    (tmp_path / "news.tsv").write_text("too short\n" * (KEPT + 50))
    rows, entry = read(tmp_path)
    assert (rows, entry.rejected, len(entry.kept)) == ([], KEPT + 50, KEPT)
