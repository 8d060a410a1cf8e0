"""Hand values to the IO manager and get them back, without a run around it."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa

from .conftest import Storage

FRAME = pd.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "z"]})
BIG_ROWS = 3_000_000
"""Of random doubles: 24 MB that do not compress, three parts of an upload."""


def big_table(seed: int = 0) -> pa.Table:
    return pa.table({"a": np.random.default_rng(seed).random(BIG_ROWS)})


def write(storage: Storage, value: Any, name: str = "source") -> None:
    storage.manager.handle_output(dg.build_output_context(asset_key=dg.AssetKey(name)), value)


def read(storage: Storage, kind: type = pd.DataFrame, **metadata: Any) -> Any:
    built = dg.build_input_context(
        asset_key=dg.AssetKey("source"),
        dagster_type=dg.PythonObjectDagsterType(kind),
        definition_metadata=metadata,
    )
    with built as context:
        return storage.manager.load_input(context)


def stream(tables: int, after: Any) -> pa.RecordBatchReader:
    """Return a reader of `tables` x 8 MB that calls `after` when half has been read."""
    first = big_table().slice(0, BIG_ROWS // 3)

    def batches() -> Any:
        for number in range(tables):
            if number == tables // 2:
                after()
            yield from first.to_batches()

    return pa.RecordBatchReader.from_batches(first.schema, batches())
