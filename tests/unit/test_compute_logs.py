from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.compute_log_manager import ComputeIOType

from slipway.compute_logs import ObjectStoreComputeLogManager

KEY = ["a-run", "compute_logs", "step"]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ObjectStoreComputeLogManager]:
    made = ObjectStoreComputeLogManager(f"file://{tmp_path}/bucket", 1, str(tmp_path / "local"))
    yield made
    made.dispose()


def write(manager: ObjectStoreComputeLogManager, text: str) -> None:
    with manager.open_log_stream(KEY, ComputeIOType.STDERR) as stream:
        assert stream
        stream.write(text)


def test_a_finished_log_is_read_by_another_process(
    manager: ObjectStoreComputeLogManager, tmp_path: Path
) -> None:
    write(manager, "hello\nworld\n")
    assert (tmp_path / "bucket/a-run/compute_logs/step.err").read_text() == "hello\nworld\n"
    other = ObjectStoreComputeLogManager(f"file://{tmp_path}/bucket", local_dir=str(tmp_path / "webserver"))
    data = other.get_log_data(KEY)
    assert data.stderr == b"hello\nworld\n"
    assert other.is_capture_complete(KEY)
    assert (
        other.get_log_metadata(KEY).stderr_location == f"file://{tmp_path}/bucket/a-run/compute_logs/step.err"
    )
    assert other.get_log_keys_for_log_key_prefix(["a-run"], ComputeIOType.STDERR) == [KEY]


def test_a_log_that_is_being_written_is_seen_and_gone_when_it_is_whole(
    manager: ObjectStoreComputeLogManager, tmp_path: Path
) -> None:
    local = Path(manager.local_manager.get_captured_local_path(KEY, "err"))
    local.parent.mkdir(parents=True)
    local.write_text("so far")
    manager.on_progress(KEY)
    partial = tmp_path / "bucket/a-run/compute_logs/step.err.partial"
    assert partial.read_text() == "so far"
    other = ObjectStoreComputeLogManager(f"file://{tmp_path}/bucket", local_dir=str(tmp_path / "webserver"))
    assert other.get_log_data(KEY).stderr == b"so far"
    assert not other.is_capture_complete(KEY)
    manager.upload_to_cloud_storage(KEY, ComputeIOType.STDERR)
    assert not partial.exists()


def test_deleting_takes_one_step_or_a_whole_run(
    manager: ObjectStoreComputeLogManager, tmp_path: Path
) -> None:
    write(manager, "x")
    manager.delete_logs(log_key=KEY)
    assert not manager.cloud_storage_has_logs(KEY, ComputeIOType.STDERR)
    write(manager, "x")
    manager.delete_logs(prefix=["a-run"])
    assert not [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()]


def test_a_log_that_can_not_be_stored_fails_no_run(
    manager: ObjectStoreComputeLogManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(manager, "x")
    (tmp_path / "bucket/another-run").write_text("in the way of a folder")
    with manager.open_log_stream(["another-run", "compute_logs", "step"], ComputeIOType.STDERR):
        pass
    assert "could not be stored" in caplog.text


def test_an_instance_takes_it_from_its_settings(tmp_path: Path) -> None:
    settings = {
        "compute_logs": {
            "module": "slipway.compute_logs",
            "class": "ObjectStoreComputeLogManager",
            "config": {"url": f"file://{tmp_path}/bucket", "local_dir": str(tmp_path / "local")},
        }
    }

    @dg.op
    def says() -> None:
        print("printed by the step")  # noqa: T201

    @dg.job
    def talkative() -> None:
        says()

    with dg.instance_for_test(overrides=settings) as instance:
        run = talkative.execute_in_process(instance=instance).run_id
        (key,) = instance.compute_log_manager.get_log_keys_for_log_key_prefix([run], ComputeIOType.STDOUT)
        assert instance.compute_log_manager.get_log_data(key).stdout == b"printed by the step\n"
