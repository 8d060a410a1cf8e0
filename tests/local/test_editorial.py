"""The code location `editorial` on the platform: its first run, and a file that lands."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.platform import Platform

FILE = "one_week/20170105"


@pytest.fixture
def landing(platform: Platform) -> Iterator[Path]:
    """A file that is not there yet, and is gone afterwards with what it gave."""
    file = Path(platform.settings("editorial")["EDITORIAL_RAW_DOWNLOAD"]) / FILE
    yield file
    file.unlink(missing_ok=True)
    with platform.connect("newsroom") as warehouse:
        warehouse.execute("DELETE FROM raw.adressa WHERE source_file = %s", (FILE,))
        warehouse.execute("DELETE FROM raw.loaded_files WHERE name = %s", (FILE,))


def test_the_first_run_made_the_reports_of_all_publishers(platform: Platform) -> None:
    with platform.connect("newsroom") as warehouse:
        rows = warehouse.execute(
            "SELECT publisher, shown FROM editorial.publisher_overview ORDER BY publisher"
        ).fetchall()
    assert [row[0] for row in rows] == ["adressa", "ebnerd", "mind"]
    assert all(row[1] > 0 for row in rows)
    found = {asset.name: asset.rows for asset in platform.web.assets()["editorial"]}
    assert found["publisher_overview"] == 3


@pytest.mark.long
def test_what_lands_in_the_folder_is_ingested_by_the_sensor(platform: Platform, landing: Path) -> None:
    # As a download arrives: complete under its name.
    arriving = landing.with_suffix(".part")
    arriving.write_bytes(landing.with_name("20170102").read_bytes())
    arriving.rename(landing)
    expected = len(arriving.with_name("20170102").read_text().splitlines())
    deadline = time.monotonic() + 200
    while True:
        with platform.connect("newsroom") as warehouse:
            row = warehouse.execute(
                "SELECT rows, run_id FROM raw.loaded_files WHERE name = %s", (FILE,)
            ).fetchone()
        if row:
            break
        assert time.monotonic() < deadline, platform.supervisor.log_tail("daemon")
        time.sleep(0.5)
    assert row[0] == expected
    assert platform.wait_for_run(row[1]) == "SUCCESS"
    tags = platform.web.ask(
        "query ($run: ID!) { runOrError(runId: $run) { ... on Run { pipelineName tags { key value } } } }",
        run=row[1],
    )["runOrError"]
    assert tags["pipelineName"] == "ingest_adressa"
    assert {"key": "dagster/sensor_name", "value": "raw_download_sensor"} in tags["tags"]
