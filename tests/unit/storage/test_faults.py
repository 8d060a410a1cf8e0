"""What goes wrong on real servers and disks, and how it is said."""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.storage import ParquetIOManager, errors

from .conftest import Storage
from .exchange import FRAME, big_table, read, write


@dg.asset
def source() -> pd.DataFrame:
    return FRAME


@dg.asset
def sink(source: pd.DataFrame) -> None: ...


def load_error(storage: Storage, expected: type[errors.StorageError]) -> str:
    """Load through a whole run, and check that Dagster shows our own error as the step's."""
    result = storage.materialize(source, sink, selection=[sink], raise_on_error=False)
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    shown = event.event_specific_data.error
    assert shown is not None
    assert shown.cls_name == expected.__name__
    return shown.message


def test_a_missing_asset_names_the_command(storage) -> None:
    message = load_error(storage, errors.MissingObjectError)
    assert "asset source: there is nothing yet" in message
    assert "dg launch --assets source" in message
    assert "source.parquet" in message


def test_a_missing_partition_names_bucket_key_and_command(on_s3) -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")

    @dg.asset(partitions_def=days)
    def daily() -> pd.DataFrame:
        return FRAME

    @dg.asset(partitions_def=days)
    def after(daily: pd.DataFrame) -> None: ...

    with pytest.raises(errors.MissingObjectError) as raised:
        on_s3.materialize(daily, after, selection=[after], partition_key="2026-01-05")
    message = str(raised.value)
    assert "asset daily, partition 2026-01-05" in message
    assert "bucket assets, key daily/2026-01-05.parquet" in message
    assert "dg launch --assets daily --partition 2026-01-05" in message


@pytest.mark.parametrize(
    "kept", [0, 3, 8, 100, -1], ids=["empty", "3 bytes", "8 bytes", "100 bytes", "one less"]
)
def test_an_object_cut_short_is_named(storage, kept) -> None:
    storage.materialize(source)
    path = storage.folder / "source.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    message = load_error(storage, errors.NotParquetError)
    assert "Write it anew with `dg launch --assets source`" in message


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n" * 100, b"x" * 50 + b"\xff\xff\xff\x7fPAR1", b"x" * 50 + b"\x08\x00\x00\x00PAR1"]
)
def test_something_else_is_not_taken_for_parquet(storage, content) -> None:
    storage.folder.mkdir(exist_ok=True)
    (storage.folder / "source.parquet").write_bytes(content)
    assert "not a whole Parquet file" in load_error(storage, errors.NotParquetError)


def test_damage_inside_is_an_error_and_not_other_rows(storage) -> None:
    write(storage, big_table())
    path = storage.folder / "source.parquet"
    content = bytearray(path.read_bytes())
    content[1000:50_000] = bytes(49_000)
    path.write_bytes(content)
    with pytest.raises(errors.NotParquetError, match="row group 0 can't be decoded"):
        read(storage)


def test_json_that_is_none_is_named(storage) -> None:
    storage.folder.mkdir(exist_ok=True)
    (storage.folder / "source.json").write_bytes(b"{")
    with pytest.raises(errors.NotJsonError) as raised:
        read(storage, dict)
    said = str(raised.value.description)
    assert said.startswith("asset source: the object is not JSON: ")
    assert said.endswith("source.json). Write it anew with `dg launch --assets source`.")


def test_objects_of_other_tools_are_read(storage) -> None:
    storage.folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"a": [1]}), storage.folder / "source.parquet", compression="snappy")
    assert read(storage)["a"].tolist() == [1]


def test_a_column_that_is_not_there_is_named_with_those_that_are(storage) -> None:
    storage.materialize(source)
    for kind in (pd.DataFrame, pa.Table, pa.RecordBatchReader):
        with pytest.raises(errors.MissingColumnError, match=r"no column 'b', 'c'.*The columns are a, s\."):
            read(storage, kind, columns=["a", "b", "c"])
    with pytest.raises(errors.StorageError, match="has to be a list of column names"):
        read(storage, columns="a")


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("AWS_SECRET_ACCESS_KEY", "Correct AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY_ID", "Check AWS_ACCESS_KEY_ID"),
    ],
)
def test_refused_credentials_say_which(on_s3, monkeypatch, variable, words) -> None:
    on_s3.materialize(source)
    monkeypatch.setenv(variable, "other")
    denied = on_s3.with_settings(retry_seconds=1.0)
    assert words in load_error(denied, errors.AccessDeniedError)
    with pytest.raises(errors.AccessDeniedError, match=r"bucket assets, key source\.parquet") as raised:
        write(denied, FRAME)
    assert raised.value.allow_retries is False
    with pytest.raises(errors.AccessDeniedError):
        write(denied, big_table())


def test_a_file_that_may_not_be_read_is_said_to_be_so() -> None:
    script = (
        "import dagster as dg, obstore, os, pandas as pd, pyarrow.parquet, sys\n"
        "from slipway.storage import ParquetIOManager\n"
        "manager, key = ParquetIOManager(base_url=sys.argv[1]), dg.AssetKey('source')\n"
        "manager.handle_output(dg.build_output_context(asset_key=key), pd.DataFrame({'a': [1]}))\n"
        "os.chmod(sys.argv[2], 0)\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "kind = dg.PythonObjectDagsterType(pd.DataFrame)\n"
        "manager.load_input(dg.build_input_context(asset_key=key, dagster_type=kind))\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", script, Path(folder).as_uri(), f"{folder}/source.parquet"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "AccessDeniedError" in done.stderr
    assert "Give the user of this process access" in done.stderr


@pytest.mark.parametrize("value", [FRAME, {"a": 1}])
def test_a_missing_bucket_is_said_to_be_so(s3, value) -> None:
    nowhere = Storage(
        ParquetIOManager(base_url="s3://nowhere", retry_seconds=1.0, step_retries=0), s3.data / "nowhere"
    )
    with pytest.raises(errors.BucketMissingError, match=r"the bucket does not exist \(bucket nowhere"):
        write(nowhere, value)
    with pytest.raises(errors.BucketMissingError):
        write(nowhere, big_table())
    assert "SLIPWAY_STORAGE_URL" in load_error(nowhere, errors.BucketMissingError)


def test_a_server_that_is_down_is_asked_for_a_while_and_then_named(s3, on_s3) -> None:
    s3.kill()
    start = time.monotonic()
    message = load_error(on_s3, errors.ServerUnreachableError)
    assert time.monotonic() - start < 90  # the library's own patience is three minutes
    assert "AWS_ENDPOINT_URL" in message
    with pytest.raises(errors.ServerUnreachableError) as raised:
        write(on_s3, FRAME)
    assert raised.value.allow_retries is True


def test_a_server_that_comes_back_in_time_is_not_noticed(s3, on_s3) -> None:
    patient = on_s3.with_settings(retry_seconds=20.0)
    s3.kill()
    back = threading.Timer(1.5, s3.start)
    back.start()
    write(patient, FRAME)
    back.join()
    assert len(read(patient)) == 3


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_a_full_disk_is_said_to_be_so_and_the_old_object_stays(s3, tmp_path, kind) -> None:
    bucket = s3.data / "tiny" if kind == "s3" else tmp_path / "tiny"
    bucket.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(bucket)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        url = "s3://tiny" if kind == "s3" else bucket.as_uri()
        tiny = Storage(ParquetIOManager(base_url=url, retry_seconds=1.0, step_retries=0), bucket)
        write(tiny, FRAME)
        with pytest.raises(errors.StorageFullError, match="the disk is full"):
            write(tiny, big_table())
        assert [path.name for path in bucket.rglob("*") if path.is_file()] == ["source.parquet"]
        assert len(read(tiny)) == 3
    finally:
        subprocess.run(["umount", str(bucket)], check=True)
        bucket.rmdir()
