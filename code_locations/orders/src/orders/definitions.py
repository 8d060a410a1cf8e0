"""The code location `orders`, put together.

Explicit, and not a scan of `defs/`: a scan imports every integration that is installed, in every code
server and every run's pod. A new module of definitions is added here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orders.defs.arrivals import checks as landed_checks
from orders.defs.arrivals.assets import build_landed_orders, land_orders
from orders.defs.arrivals.sensor import build_landing_sensor
from orders.defs.arrivals.settings import ArrivalSettings
from orders.defs.order_system import assets, checks, daily, history, jobs, lookups
from orders.freshness import policies
from slipway.environment import Environment, current_environment
from slipway.launch import in_process_executor
from slipway.resources import LandingBucket, PostgresResource, platform_resources
from slipway.retries import build_overlooked_retries_sensor


def build_defs(
    *,
    resources: Mapping[str, Any],
    environment: Environment = Environment.LOCAL,
    arrivals: ArrivalSettings | None = None,
) -> dg.Definitions:
    """Return all definitions over `resources`, which has `source` (a PostgresResource) and `io_manager`.

    `landing`, where files arrive, is the bucket of SLIPWAY_LANDING_URL unless `resources` has another.
    """
    arrivals = arrivals or ArrivalSettings()
    return dg.Definitions(
        assets=[
            *dg.map_asset_specs(
                policies(environment, assets.GROUP), dg.load_assets_from_modules([assets, daily, history])
            ),
            *dg.map_asset_specs(
                policies(environment, "arrivals", by_event=True), [build_landed_orders(arrivals)]
            ),
        ],
        asset_checks=dg.load_asset_checks_from_modules([checks, landed_checks]),
        jobs=[
            jobs.daily_pipeline,
            jobs.revenue_in_pods(environment),
            jobs.raw_orders_in_queue(environment),
            lookups.newest_deliveries,
            land_orders,
            *jobs.canaries(environment),
        ],
        schedules=[jobs.daily_pipeline_schedule(environment)],
        sensors=[build_landing_sensor(arrivals), build_overlooked_retries_sensor()],
        resources={"landing": LandingBucket(url=dg.EnvVar("SLIPWAY_LANDING_URL")), **resources},
        # Steps take tenths of a second; a process for each would take four seconds more.
        executor=in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions with the resources of the environment that SLIPWAY_ENV names."""
    environment = current_environment()
    source = PostgresResource(url=dg.EnvVar("ORDERS_SOURCE_URL"))
    return build_defs(
        resources={**platform_resources(environment), "source": source},
        environment=environment,
        arrivals=ArrivalSettings.read(),
    )
