"""An object is the old one or the new one, whatever happens to the server, the writer or the reader."""

import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pytest

from slipway.storage import errors

from .exchange import BIG_ROWS, FRAME, big_table, read, stream, write


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
    stop, rewritten = threading.Event(), []

    def rewrite() -> None:
        while not stop.is_set():
            rewritten.append(len(rewritten))
            write(storage, versions[len(rewritten) % 2])

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = []
    try:
        deadline = time.monotonic() + 60
        while (len(seen) < 6 or len(rewritten) < 6) and time.monotonic() < deadline:
            try:
                seen.append(float(read(storage, pa.Table)["w"].to_numpy().sum()))
            except errors.ObjectChangedError:  # three times in a row: said, rather than mixed
                continue
    finally:
        stop.set()
        writer.join()
    assert len(seen) >= 6
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
