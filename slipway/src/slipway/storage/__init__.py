"""Assets as Parquet on S3 or on a disk."""

from slipway.storage.errors import StorageError
from slipway.storage.io_manager import ALLOW_MISSING, COLUMNS, CONTRACT, ParquetIOManager
from slipway.storage.outputs import PARTITION_BY
from slipway.storage.store import open_store

__all__ = [
    "ALLOW_MISSING",
    "COLUMNS",
    "CONTRACT",
    "PARTITION_BY",
    "ParquetIOManager",
    "StorageError",
    "open_store",
]
