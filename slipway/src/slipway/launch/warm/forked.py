"""The process that runs are forked from: importing this module loads the code location's definitions, and all that any run needs.

Imported by multiprocessing's fork server and by nothing else; what is imported there, once, costs a run nothing. Runs are forked before
anything in it has a thread of its own or a connection.
"""

import gc
import importlib
import importlib.util
import logging
import os

from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.server import LoadedRepositories
from dagster._serdes import deserialize_value

TARGET_VARIABLE = "SLIPWAY_WARM_TARGET"
"""The definitions to load: a LoadableTargetOrigin, as the server has serialized it."""

# Of an instance and of a run's own process; those that an image doesn't have are left out.
_OF_EVERY_RUN = (
    "dagster._grpc.impl",
    "dagster._core.execution.api",
    "dagster._core.storage.fs_io_manager",
    "dagster_postgres.event_log",
    "dagster_postgres.run_storage",
    "dagster_postgres.schedule_storage",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "slipway.compute_logs",
    "slipway.launch",
)


def _load() -> None:
    target = deserialize_value(os.environ[TARGET_VARIABLE], LoadableTargetOrigin)
    LoadedRepositories(target, container_image=None, entry_point=("dagster",), container_context=None)
    for name in _OF_EVERY_RUN:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            logging.getLogger(__name__).info("not loaded beforehand: %s (%s)", name, error)
    # A run's collections then leave alone what was loaded here, and its pages shared.
    gc.freeze()


if TARGET_VARIABLE in os.environ:
    _load()
