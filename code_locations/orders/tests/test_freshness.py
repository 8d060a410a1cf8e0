"""Which asset has to be fresh by when."""

from datetime import timedelta

import dagster as dg
import pytest
from test_schedule import RESOURCES

from orders.definitions import build_defs
from orders.defs.order_system.jobs import HOUR
from orders.freshness import BUDGETS
from slipway.environment import Environment

DAILY = {"bronze_orders", "daily_orders", "daily_revenue_partitioned"}


@pytest.mark.parametrize("environment", Environment)
def test_every_asset_of_the_order_system_has_its_budget(environment: Environment) -> None:
    defs = build_defs(resources=RESOURCES, environment=environment)
    specs = [spec for spec in defs.resolve_all_asset_specs() if spec.group_name == "order_system"]
    found = {spec.key.to_user_string(): spec.freshness_policy for spec in specs}
    budget = BUDGETS[environment]
    assert found == {name: budget.of_day if name in DAILY else budget.of_whole for name in found}
    assert set(found) > DAILY


def test_production_has_an_hour_after_the_schedule_and_counts_from_the_days_end() -> None:
    budget = BUDGETS[Environment.PROD]
    assert budget.deadline == f"0 {HOUR + 1} * * *"
    assert budget.since == timedelta(hours=HOUR + 1)
    assert budget.fail == timedelta(days=1, hours=2)


def test_stricter_environments_have_smaller_budgets() -> None:
    fails = [BUDGETS[each].fail for each in (Environment.PROD, Environment.DEV, Environment.LOCAL)]
    assert fails == sorted(fails)
    assert isinstance(BUDGETS[Environment.PROD].of_day, dg.FreshnessPolicy)


@pytest.mark.parametrize("environment", Environment)
def test_what_files_bring_is_late_when_nothing_has_come_for_the_budget(environment: Environment) -> None:
    defs = build_defs(resources=RESOURCES, environment=environment)
    (landed,) = [spec for spec in defs.resolve_all_asset_specs() if spec.group_name == "arrivals"]
    assert landed.freshness_policy == BUDGETS[environment].of_whole
