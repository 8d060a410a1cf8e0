"""Loads: each version of a file once, replaced as a whole, and any number of them at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from newsroom import Newsroom

from editorial.ledger import Turn

BEHAVIORS = "MINDsmall_train/behaviors.tsv"


def test_a_version_of_a_file_is_loaded_once_and_another_replaces_it(newsroom: Newsroom) -> None:
    first = newsroom.load("mind")
    rows = newsroom.count("raw.mind", f"source_file = '{BEHAVIORS}'")
    assert (first["mind"]["files"], first["mind"]["rejected"]) == (2, 4)
    assert newsroom.load("mind")["mind"].get("files", 0) == 0
    lines = newsroom.file(BEHAVIORS).read_bytes().splitlines(keepends=True)
    newsroom.file(BEHAVIORS).write_bytes(b"".join(lines[:10]))
    assert newsroom.load("mind")["mind"]["files"] == 1
    assert rows > newsroom.count("raw.mind", f"source_file = '{BEHAVIORS}'") == 10
    # One that has nothing any more has no rows any more.
    newsroom.file(BEHAVIORS).write_bytes(b"")
    newsroom.load("mind")
    assert newsroom.count("raw.mind", f"source_file = '{BEHAVIORS}'") == 0
    assert newsroom.count("raw.mind") == first["mind"]["rows"] - rows
    assert newsroom.count("raw.rejected_lines") == 0


def test_a_file_that_cannot_be_read_keeps_what_it_gave_and_the_others_go_on(newsroom: Newsroom) -> None:
    newsroom.load("ebnerd")
    train, articles = newsroom.file("ebnerd_demo/train/behaviors.parquet"), "ebnerd_demo/articles.parquet"
    rows = newsroom.count("raw.ebnerd")
    train.write_bytes(train.read_bytes()[:-100])
    newsroom.file(articles).touch()
    loaded = newsroom.load("ebnerd")
    assert (loaded["ebnerd"]["refused_files"], loaded["ebnerd_articles"]["rows"]) == (1, 40)
    assert newsroom.count("raw.ebnerd") == rows
    (refused,) = newsroom.warehouse.rows(
        "SELECT name, refused FROM raw.loaded_files WHERE refused IS NOT NULL"
    )
    assert refused[0] == "ebnerd_demo/train/behaviors.parquet"
    assert "no readable Parquet" in refused[1]


def test_a_load_that_was_cut_off_before_it_was_written_down_is_repeated(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Turn, "record", cut_off)
        with pytest.raises(KeyboardInterrupt):
            newsroom.load("adressa")
    rows = newsroom.count("raw.adressa")
    assert rows > 0
    assert newsroom.load("adressa")["adressa"]["files"] == 4
    assert newsroom.count("raw.adressa") == rows


def test_loads_at_once_do_not_disturb_each_other(newsroom: Newsroom) -> None:
    """All publishers and one of them twice, into a warehouse where dlt has yet to create everything."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    loads = [
        subprocess.Popen(
            [sys.executable, "-m", "newsroom", newsroom.warehouse.url, str(newsroom.folder), publisher],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for publisher in ("ebnerd", "adressa", "mind", "mind")
    ]
    for load in loads:
        assert load.stdout
        assert load.stdout.readline() == "ready\n"
    for load in loads:
        assert load.stdin
        load.stdin.write("go\n")
        load.stdin.flush()
    said = [load.communicate(timeout=200)[1] for load in loads]
    assert [load.returncode for load in loads] == [0, 0, 0, 0], "\n".join(text[-2000:] for text in said)
    for table in ("ebnerd", "ebnerd_articles", "adressa", "mind", "mind_news"):
        rows, distinct = newsroom.warehouse.rows(
            f"SELECT count(*), count(DISTINCT (source_file, source_row)) FROM raw.{table}"
        )[0]
        recorded = newsroom.count("raw.loaded_files", f"table_name = '{table}'")
        written = newsroom.warehouse.rows(
            f"SELECT sum(rows) FROM raw.loaded_files WHERE table_name = '{table}'"
        )[0][0]
        assert rows == distinct == written, table
        assert recorded > 0, table
