"""The definitions of `orders` as a code location serves them, over what the environment names."""

import os

import dagster as dg

from orders.definitions import build_defs
from orders.defs.arrivals.settings import ArrivalSettings
from slipway.resources import PostgresResource
from slipway.storage import ParquetIOManager


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs(
        resources={
            "io_manager": ParquetIOManager(base_url=os.environ["SLIPWAY_STORAGE_URL"], retry_seconds=20),
            "source": PostgresResource(url="postgresql://never@used/"),
        },
        arrivals=ArrivalSettings.read(),
    )
