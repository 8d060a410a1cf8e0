"""When the sensor requests a run."""

import os
from pathlib import Path

import dagster as dg
import pytest

from sales.defs.files.assets import sales
from sales.defs.files.folder import CsvFolder
from sales.defs.files.jobs import POLL_SECONDS, new_files_sensor
from slipway.storage import ParquetIOManager

ROW = "sale_id,day,country,amount_eur\n1,2026-01-01,DE,1\n"


class Watch:
    """The sensor over a folder, tick by tick, as the daemon would go on with its cursor."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cursor = folder, None
        self.instance = dg.DagsterInstance.ephemeral()
        self.resource = CsvFolder(path=str(folder))

    def tick(self) -> list[str | None]:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"sales_folder": self.resource}
        )
        found = new_files_sensor(context)
        self.cursor = found.cursor
        return [request.run_key for request in found.run_requests or []]

    def put(self, name: str, content: str = ROW, age: float = 60) -> None:
        file = self.folder / name
        file.write_text(content)
        os.utime(file, (file.stat().st_mtime - age,) * 2)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    made = Watch(tmp_path)
    made.put("1.csv")
    assert made.tick() == []
    return made


def test_each_state_of_the_folder_is_one_run(watch: Watch) -> None:
    (first,) = watch.tick()
    assert watch.tick() == []
    watch.put("2.csv")
    (second,) = watch.tick()
    assert watch.tick() == []
    watch.put("2.csv", ROW * 2)
    (third,) = watch.tick()
    assert len({first, second, third}) == 3


def test_a_folder_that_goes_back_to_an_earlier_state_is_a_change(watch: Watch) -> None:
    keys = watch.tick()
    watch.put("2.csv")
    keys += watch.tick()
    (watch.folder / "2.csv").unlink()
    keys += watch.tick()
    assert len(set(keys)) == 3


def test_a_tick_that_is_repeated_asks_for_the_same_run(watch: Watch) -> None:
    before = watch.cursor
    first = watch.tick()
    watch.cursor = before
    assert watch.tick() == first


def test_what_is_still_being_written_is_left_for_a_later_tick(watch: Watch) -> None:
    watch.tick()
    watch.put("2.csv", age=0)
    watch.put("3.csv.part")
    assert watch.tick() == []
    watch.put("2.csv")
    assert len(watch.tick()) == 1


def test_files_that_a_run_by_hand_has_read_need_no_other(watch: Watch) -> None:
    watch.put("2.csv")
    manager = ParquetIOManager(base_url=(watch.folder / "assets").as_uri())
    resources = {"sales_folder": watch.resource, "io_manager": manager}
    assert dg.materialize([sales], instance=watch.instance, resources=resources).success
    assert watch.tick() == []
    watch.put("3.csv")
    assert len(watch.tick()) == 1


def test_the_cursor_stays_small(watch: Watch) -> None:
    for number in range(200):
        watch.put(f"file-{number}.csv")
    watch.tick()
    assert len(watch.cursor) < 100


def test_it_polls_every_half_minute_and_is_on() -> None:
    assert (new_files_sensor.minimum_interval_seconds, POLL_SECONDS) == (30, 30)
    assert new_files_sensor.default_status is dg.DefaultSensorStatus.RUNNING
