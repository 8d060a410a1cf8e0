"""Loads: each version of a file once, replaced as a whole, and any number of them at once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from newsroom import Newsroom

from editorial.ledger import Turn
from slipway.testing.postgres import Database

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


def load_at_once(*loads: tuple[Newsroom, str]) -> None:
    """Load these publishers, each in a process of its own, as runs do; all begin at the same moment."""
    # What this process was given beside the location itself comes first, as everywhere.
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "newsroom", newsroom.warehouse.url, str(newsroom.folder), publisher],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for newsroom, publisher in loads
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=200)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert codes == [0] * len(loads), "\n".join(text[-2000:] for text in said)


def assert_loaded_once(newsroom: Newsroom, *tables: str) -> None:
    for table in tables:
        rows, distinct = newsroom.warehouse.rows(
            f"SELECT count(*), count(DISTINCT (source_file, source_row)) FROM raw.{table}"
        )[0]
        recorded = newsroom.count("raw.loaded_files", f"table_name = '{table}'")
        written = newsroom.warehouse.rows(
            f"SELECT sum(rows) FROM raw.loaded_files WHERE table_name = '{table}'"
        )[0][0]
        assert rows == distinct == written, table
        assert recorded > 0, table


def test_loads_at_once_do_not_disturb_each_other(newsroom: Newsroom) -> None:
    """All publishers and one of them twice, into a warehouse where dlt has yet to create everything.

    What keeps them apart are the turns, locks of the database (`ledger.turn`). Whether loads meet without them is chance:
    that each waits where it must is seen in `test_turns.py`.
    """
    load_at_once(*((newsroom, publisher) for publisher in ("ebnerd", "adressa", "mind", "mind")))
    assert_loaded_once(newsroom, "ebnerd", "ebnerd_articles", "adressa", "mind", "mind_news")


def test_loads_into_two_warehouses_at_once_do_not_take_each_others_files(
    newsroom: Newsroom, new_database: Callable[[str], Database], tmp_path: Path
) -> None:
    """No lock is between them: what keeps them apart is that each load has a folder of its own for dlt."""
    other = Newsroom(new_database("other_newsroom"), tmp_path / "other")
    shutil.copytree(newsroom.folder, other.folder)
    lines = other.file(BEHAVIORS).read_bytes().splitlines(keepends=True)
    other.file(BEHAVIORS).write_bytes(b"".join(lines[:10]))
    load_at_once((newsroom, "mind"), (other, "mind"))
    for each in (newsroom, other):
        assert_loaded_once(each, "mind", "mind_news")
    train = f"source_file = '{BEHAVIORS}'"
    assert newsroom.count("raw.mind", train) > other.count("raw.mind", train) == 10
