"""Which runs `raw_download_sensor` asks for, and when."""

import json
import os
import time
from pathlib import Path

import dagster as dg
import pytest

from editorial.defs import sensor
from editorial.defs.sensor import raw_download_sensor
from editorial.downloads import MissingFolderError, RawDownloads
from slipway.resources import PostgresResource


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Files are complete at once; what is in this list is in the warehouse."""
    monkeypatch.setattr(sensor, "AT_REST_SECONDS", 0.0)
    files: list[dict] = []
    monkeypatch.setattr(sensor, "loaded_files", lambda *_: files)
    return files


def tick(folder: Path, cursor: str | None = None) -> tuple[set[str], str]:
    """Evaluate the sensor once; return the jobs that it asks for, and its cursor."""
    resources = {
        "raw_downloads": RawDownloads(folder=str(folder)),
        "warehouse": PostgresResource(url="postgresql://never@used/none"),
    }
    instance = dg.DagsterInstance.ephemeral()
    with dg.build_sensor_context(cursor=cursor, resources=resources, instance=instance) as context:
        found = raw_download_sensor(context)
    assert isinstance(found, dg.SensorResult)
    return {request.job_name or "" for request in found.run_requests or []}, found.cursor or ""


def put(file: Path, content: str = "x\n") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_the_publisher_whose_file_landed_is_ingested_once_per_version(tmp_path: Path) -> None:
    assert tick(tmp_path) == (set(), json.dumps({"ebnerd": [], "adressa": [], "mind": []}))
    _, cursor = tick(tmp_path)
    put(tmp_path / "one_week/20170101")
    jobs, cursor = tick(tmp_path, cursor)
    assert jobs == {"ingest_adressa"}
    assert tick(tmp_path, cursor)[0] == set()
    put(tmp_path / "one_week/20170101", "written anew\n")
    put(tmp_path / "MINDlarge_test/behaviors.tsv")
    jobs, cursor = tick(tmp_path, cursor)
    assert jobs == {"ingest_adressa", "ingest_mind"}
    assert tick(tmp_path, cursor) == (set(), cursor)


def test_a_folder_moved_in_with_old_dates_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    put(folder / "one_week/20170101")
    _, cursor = tick(folder)
    old = tmp_path / "unpacked/ebnerd_large"
    put(old / "train/behaviors.parquet")
    os.utime(old / "train/behaviors.parquet", (1_600_000_000, 1_600_000_000))
    old.rename(folder / "ebnerd_large")
    assert tick(folder, cursor)[0] == {"ingest_ebnerd"}


@pytest.mark.parametrize(
    "name", ["behaviors.tsv.part", ".behaviors.tsv", "notes.txt", "20170101.tar.gz", "history.parquet"]
)
def test_what_is_no_download_starts_nothing(tmp_path: Path, name: str) -> None:
    put(tmp_path / name)
    put(tmp_path / ".incomplete/behaviors.tsv")
    assert tick(tmp_path)[0] == set()


def test_a_file_that_is_still_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "news.tsv")
    monkeypatch.setattr(sensor, "AT_REST_SECONDS", 3600.0)
    jobs, cursor = tick(tmp_path)
    assert jobs == set()
    later = time.time() + 3601
    monkeypatch.setattr("editorial.downloads.time.time", lambda: later)
    assert tick(tmp_path, cursor)[0] == {"ingest_mind"}


def test_what_is_loaded_already_starts_nothing(tmp_path: Path, loaded: list[dict]) -> None:
    put(tmp_path / "news.tsv")
    (file,) = RawDownloads(folder=str(tmp_path)).files()
    loaded.append({"name": file.name, "version": file.version})
    jobs, cursor = tick(tmp_path)
    assert jobs == set()
    put(tmp_path / "news.tsv", "another version\n")
    assert tick(tmp_path, cursor)[0] == {"ingest_mind"}


def test_nothing_is_asked_for_while_everything_is_made(tmp_path: Path) -> None:
    put(tmp_path / "news.tsv")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(
            dg.DagsterRun(job_name="editorial_daily", run_id="1" * 8, status=dg.DagsterRunStatus.STARTED)
        )
        resources = {
            "raw_downloads": RawDownloads(folder=str(tmp_path)),
            "warehouse": PostgresResource(url="postgresql://never@used/none"),
        }
        with dg.build_sensor_context(resources=resources, instance=instance) as context:
            assert isinstance(raw_download_sensor(context), dg.SkipReason)


def test_the_cursor_stays_small(tmp_path: Path) -> None:
    for day in range(90):
        put(tmp_path / f"three_month/2017{1 + day // 30:02}{1 + day % 30:02}")
    assert len(tick(tmp_path)[1]) < 1500


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFolderError, match="EDITORIAL_RAW_DOWNLOAD"):
        tick(tmp_path / "nowhere")
