"""Bytes that are fetched and memory that is taken."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pandas as pd
import pyarrow as pa
import pytest

from .exchange import read, write


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
