"""The code location `editorial`, put together.

Explicit, and not a scan of `defs/`: a scan imports every integration that is installed, in every code server and every
run. A new module of definitions is added here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from editorial.build import manifest
from editorial.defs import checks, ingestion, jobs, models, sensor
from editorial.downloads import RawDownloads
from slipway.environment import Environment, current_environment
from slipway.launch import in_process_executor
from slipway.resources import PostgresResource
from slipway.retries import build_overlooked_retries_sensor


def build_defs(
    *, resources: Mapping[str, Any], environment: Environment = Environment.LOCAL
) -> dg.Definitions:
    """Return all definitions over `resources`: `warehouse` (a PostgresResource) and `raw_downloads`.

    Raises:
        ManifestError: the dbt project was not parsed after its last change; see `build.py`.
    """
    return dg.Definitions(
        assets=[*dg.load_assets_from_modules([ingestion]), *models.model_assets(manifest())],
        asset_checks=[*checks.files_checks, *checks.gates(environment)],
        jobs=[jobs.editorial_daily, *jobs.ingest_jobs, *jobs.refresh_jobs],
        schedules=[jobs.editorial_daily_schedule(environment)],
        sensors=[sensor.raw_download_sensor, build_overlooked_retries_sensor()],
        resources=resources,
        # A process for each step would import dbt once more each time.
        executor=in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions over the warehouse and the folder that the environment names."""
    return build_defs(
        resources={
            "warehouse": PostgresResource(url=dg.EnvVar("EDITORIAL_WAREHOUSE_URL")),
            "raw_downloads": RawDownloads(folder=dg.EnvVar("EDITORIAL_RAW_DOWNLOAD")),
        },
        environment=current_environment(),
    )
