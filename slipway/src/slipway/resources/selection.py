"""Which resources a location has in which environment.

Belongs here: what every location gets from the platform, and the choice by environment. Does not
belong here: a location's own sources; its `definitions.py` adds them:

    resources={
        **platform_resources(current_environment()),
        "source": PostgresResource(url=dg.EnvVar("ORDERS_SOURCE_URL")),
    }

Nothing is read or connected to here: URLs are variables that a run reads.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from slipway.environment import Environment
from slipway.resources.documents import DocumentStore
from slipway.resources.landing import LandingBucket

ResourceSet = Callable[[], Mapping[str, Any]]
"""Builds the resources of one environment, by the names that assets ask for."""

# On one machine a server that is down stays down until somebody acts: say so soon. In a cluster its pod
# is being moved, which is worth waiting for rather than failing runs.
_RETRY_SECONDS = {
    Environment.LOCAL: 15.0,
    Environment.KIND: 60.0,
    Environment.DEV: 120.0,
    Environment.PROD: 300.0,
}


class UndeclaredEnvironmentError(LookupError):
    """A location declares no resources for the environment it runs in."""


def select_resources(sets: Mapping[Environment, ResourceSet], environment: Environment) -> dict[str, Any]:
    """Return the resources of `environment`; the sets of the others are not built.

    Raises:
        UndeclaredEnvironmentError: `sets` has none for it; the message lists those there are.
    """
    if environment not in sets:
        declared = ", ".join(sorted(sets)) or "none"
        raise UndeclaredEnvironmentError(
            f"no resources are declared for the environment {environment}; declared are {declared}"
        )
    return dict(sets[environment]())


def platform_resources(environment: Environment) -> dict[str, Any]:
    """Return what every location gets: `io_manager` (Parquet at SLIPWAY_STORAGE_URL), `documents` and `landing`.

    `documents` is a `DocumentStore` beside the assets, `landing` a `LandingBucket` at SLIPWAY_LANDING_URL. The environments differ in how long a server
    that does not answer is waited for: 15 s locally, 5 minutes in prod.
    """
    from slipway.storage import ParquetIOManager  # noqa: PLC0415

    seconds = _RETRY_SECONDS[environment]
    return {
        "io_manager": ParquetIOManager(base_url=dg.EnvVar("SLIPWAY_STORAGE_URL"), retry_seconds=seconds),
        "documents": DocumentStore(url=dg.EnvVar("SLIPWAY_STORAGE_URL"), retry_seconds=seconds),
        "landing": LandingBucket(url=dg.EnvVar("SLIPWAY_LANDING_URL"), retry_seconds=seconds),
    }
