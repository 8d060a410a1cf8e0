"""What goes wrong on real servers and disks: the error, and what is left behind."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import obstore
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.storage import ParquetIOManager, errors

from .conftest import Storage

FRAME = pd.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "z"]})
BIG_ROWS = 3_000_000
"""Of random doubles: 24 MB that do not compress, three parts of an upload."""


@dg.asset
def source() -> pd.DataFrame:
    return FRAME


@dg.asset
def sink(source: pd.DataFrame) -> None: ...


def big_table(seed: int = 0) -> pa.Table:
    return pa.table({"a": np.random.default_rng(seed).random(BIG_ROWS)})


def write(storage: Storage, value: Any, name: str = "source") -> None:
    context = dg.build_output_context(asset_key=dg.AssetKey(name))
    storage.manager.handle_output(context, value)


def read(storage: Storage, kind: type = pd.DataFrame, **metadata: Any) -> Any:
    context = dg.build_input_context(
        asset_key=dg.AssetKey("source"),
        dagster_type=dg.PythonObjectDagsterType(kind),
        definition_metadata=metadata,
    )
    return storage.manager.load_input(context)


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
    with pytest.raises(errors.NotJsonError, match=r"asset source: the object is not JSON"):
        read(storage, dict)


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
    nowhere = Storage(ParquetIOManager(base_url="s3://nowhere", retry_seconds=1.0), s3.data / "nowhere")
    with pytest.raises(errors.BucketMissingError, match=r"the bucket does not exist \(bucket nowhere"):
        write(nowhere, value)
    with pytest.raises(errors.BucketMissingError):
        write(nowhere, big_table())
    assert "SLIPWAY_STORAGE_URL" in load_error(nowhere, errors.BucketMissingError)


def test_a_server_that_is_down_is_asked_for_a_while_and_then_named(s3, on_s3) -> None:
    s3.kill()
    start = time.monotonic()
    message = load_error(on_s3, errors.ServerUnreachableError)
    assert time.monotonic() - start < 10
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


def stream(tables: int, after: Any) -> pa.RecordBatchReader:
    """Return a reader of `tables` x 8 MB that calls `after` when half has been read."""
    first = big_table().slice(0, BIG_ROWS // 3)

    def batches() -> Any:
        for number in range(tables):
            if number == tables // 2:
                after()
            yield from first.to_batches()

    return pa.RecordBatchReader.from_batches(first.schema, batches())


def test_a_server_killed_during_a_write_leaves_the_old_object(s3, on_s3) -> None:
    write(on_s3, FRAME)
    with pytest.raises(errors.ServerUnreachableError):
        write(on_s3, stream(10, s3.kill))
    s3.start()
    assert len(read(on_s3)) == 3
    write(on_s3, stream(2, lambda: None))
    assert len(read(on_s3)) == 2 * (BIG_ROWS // 3)


def test_a_server_restarted_during_a_write_is_not_noticed(s3, on_s3) -> None:
    def restart() -> None:
        s3.kill()
        threading.Timer(1.0, s3.start).start()

    patient = on_s3.with_settings(retry_seconds=30.0)
    write(patient, stream(10, restart))
    assert len(read(patient, columns=["a"])) == 10 * (BIG_ROWS // 3)


class SourceError(FileNotFoundError):
    """What an asset's own generator may fail with; it must not be taken for the store's."""


@pytest.mark.parametrize("tables", [2, 10])
def test_a_stream_that_fails_leaves_the_old_object_and_nothing_else(storage, tables) -> None:
    def fail() -> None:
        raise SourceError("the source is gone")

    write(storage, FRAME)
    before = storage.keys()
    with pytest.raises(SourceError, match="the source is gone"):
        write(storage, stream(tables, fail))
    left = {str(path) for path in storage.folder.rglob("*") if path.is_file()}
    assert left == {str(storage.folder / key) for key in before}
    assert len(read(storage)) == 3


def test_a_writer_that_is_killed_leaves_the_old_object(storage) -> None:
    write(storage, FRAME)
    script = (
        "import dagster as dg, numpy as np, os, pyarrow as pa, signal, sys\n"
        "from slipway.storage import ParquetIOManager\n"
        "batch = pa.record_batch({'a': np.random.default_rng(0).random(1_000_000)})\n"
        "def batches():\n"
        "    for number in range(9):\n"
        "        if number == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield batch\n"
        "reader = pa.RecordBatchReader.from_batches(batch.schema, batches())\n"
        "context = dg.build_output_context(asset_key=dg.AssetKey('source'))\n"
        "ParquetIOManager(base_url=sys.argv[1]).handle_output(context, reader)\n"
    )
    command = [sys.executable, "-c", script, storage.manager.base_url]
    done = subprocess.run(command, check=False, timeout=120)
    assert done.returncode == -9
    assert len(read(storage)) == 3


def test_readers_during_rewrites_see_one_version_or_the_other(storage) -> None:
    storage = storage.with_settings(row_group_rows=100_000, retry_seconds=5.0)
    versions = [
        pa.table(
            {
                "v": np.full(600_000, value) + np.arange(600_000),
                "w": np.random.default_rng(value).random(600_000),
            }
        )
        for value in (0, 1)
    ]
    sums = {float(pa.compute.sum(table["w"]).as_py()) for table in versions}
    write(storage, versions[0])
    stop = threading.Event()

    def rewrite() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            write(storage, versions[number % 2])

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = []
    try:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                seen.append(float(read(storage, pa.Table)["w"].to_numpy().sum()))
            except errors.ObjectChangedError:  # three times in a row: said, rather than mixed
                continue
    finally:
        stop.set()
        writer.join()
    assert len(seen) >= 3
    assert all(any(abs(total - expected) < 1e-6 for expected in sums) for total in seen)


def test_a_frame_whose_object_is_replaced_meanwhile_is_read_anew(storage, monkeypatch) -> None:
    write(storage, big_table(0))
    get = obstore.get

    def followed_by_a_rewrite(*args: Any, **options: Any) -> Any:
        answer = get(*args, **options)
        monkeypatch.setattr(obstore, "get", get)
        write(storage, big_table(1))
        return answer

    monkeypatch.setattr(obstore, "get", followed_by_a_rewrite)
    assert read(storage, pa.Table).equals(big_table(1))


def test_a_stream_whose_object_is_replaced_says_so(storage) -> None:
    write(storage, stream(8, lambda: None))
    reader = read(storage, pa.RecordBatchReader)
    reader.read_next_batch()
    write(storage, big_table(1))
    with pytest.raises(errors.ObjectChangedError, match="replaced while it was being read") as raised:
        reader.read_all()
    assert raised.value.allow_retries is True


def test_only_the_bytes_of_the_columns_asked_for_are_fetched(storage, monkeypatch) -> None:
    fetched: list[int] = []
    get = obstore.get

    def counted(*args: Any, **options: Any) -> Any:
        answer = get(*args, **options)
        start, end = answer.range
        fetched.append(end - start)
        return answer

    rows = 1_000_000
    random = np.random.default_rng(0)
    write(storage, pa.table({f"c{number}": random.random(rows) for number in range(10)}))
    monkeypatch.setattr(obstore, "get", counted)
    assert read(storage, columns=["c3"]).shape == (rows, 1)
    size = (storage.folder / "source.parquet").stat().st_size
    assert sum(fetched) < 0.12 * size


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
        tiny = Storage(ParquetIOManager(base_url=url, retry_seconds=1.0), bucket)
        write(tiny, FRAME)
        with pytest.raises(errors.StorageFullError, match="the disk is full"):
            write(tiny, big_table())
        assert [path.name for path in bucket.rglob("*") if path.is_file()] == ["source.parquet"]
        assert len(read(tiny)) == 3
    finally:
        subprocess.run(["umount", str(bucket)], check=True)
        bucket.rmdir()


@pytest.mark.parametrize("kind", [pd.DataFrame, pa.RecordBatchReader])
def test_memory_beyond_the_frame_is_bounded(on_s3, kind) -> None:
    """Write 256 MB in a process of its own, and read them as a stream: neither may hold a copy."""
    script = (
        "import dagster as dg, numpy as np, pandas as pd, pyarrow as pa, sys\n"
        "import pyarrow.parquet, obstore\n"
        "from pathlib import Path\n"
        "from slipway.storage import ParquetIOManager\n"
        "def memory(name):\n"
        "    return next(int(line.split()[1]) // 1024 for line in open('/proc/self/status') if line.startswith(name))\n"
        "manager = ParquetIOManager(base_url=sys.argv[1])\n"
        "if sys.argv[2] == 'DataFrame':\n"
        "    frame = pd.DataFrame(np.random.default_rng(0).random((3_200_000, 10)))\n"
        "    context = dg.build_output_context(asset_key=dg.AssetKey('source'))\n"
        "    work = lambda: manager.handle_output(context, frame)\n"
        "else:\n"
        "    kind = dg.PythonObjectDagsterType(pa.RecordBatchReader)\n"
        "    context = dg.build_input_context(asset_key=dg.AssetKey('source'), dagster_type=kind)\n"
        "    work = lambda: sum(batch.num_rows for batch in manager.load_input(context))\n"
        "before = memory('VmRSS')\n"
        "Path('/proc/self/clear_refs').write_text('5')\n"
        "work()\n"
        "print(memory('VmHWM') - before)\n"
    )
    if kind is pa.RecordBatchReader:
        write(on_s3, pd.DataFrame(np.random.default_rng(0).random((3_200_000, 10))))
    command = [sys.executable, "-c", script, on_s3.manager.base_url, kind.__name__]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=dict(os.environ), timeout=120
    )
    assert int(done.stdout) < 180
    assert Path(on_s3.folder / "source.parquet").stat().st_size > 200_000_000
