"""The code location `sales`, put together.

Explicit, and not a scan of `defs/`: a scan imports every integration that is installed, in every code
server and every run's pod. A new module of definitions is added here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from sales.defs import comparison
from sales.defs.files import assets, jobs
from sales.defs.files.folder import CsvFolder
from sales.defs.monthly import report
from slipway.environment import Environment, current_environment
from slipway.launch import in_process_executor
from slipway.resources import platform_resources
from slipway.retries import build_overlooked_retries_sensor


def build_defs(
    *, resources: Mapping[str, Any], environment: Environment = Environment.LOCAL
) -> dg.Definitions:
    """Return all definitions over `resources`, which has `sales_folder`, `documents` and `io_manager`."""
    return dg.Definitions(
        assets=[
            *dg.load_assets_from_modules([assets, comparison, report]),
            comparison.daily_revenue,
        ],
        jobs=[jobs.sales_job, report.monthly_report_job],
        schedules=[report.monthly_report_schedule(environment)],
        sensors=[
            jobs.new_files_sensor,
            comparison.sales_vs_orders_sensor,
            build_overlooked_retries_sensor(),
        ],
        resources=resources,
        # Steps take tenths of a second; a process for each would take four seconds more.
        executor=in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions with the resources of the environment that SLIPWAY_ENV names."""
    environment = current_environment()
    folder = CsvFolder(path=dg.EnvVar("SALES_FOLDER"))
    resources = {**platform_resources(environment), "sales_folder": folder}
    return build_defs(resources=resources, environment=environment)
