"""By when the assets have to be fresh, per environment.

Belongs here: budgets as Dagster's freshness policies; the daemon judges them every 30 s and the UI shows the
state. Does not belong here: who is told (the platform's alerts).

Fresh is an asset of which anything was materialized in time: Dagster does not look at which partition.
That yesterday's is whole is said by the checks of its rows, not here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg

from slipway.environment import Environment


@dataclass(frozen=True)
class Budget:
    """When the assets of a day have to be there, and how old the others may be.

    `deadline` is a cron in UTC, before which the asset has to have been materialized, and at most `since`
    before it. The others warn at `warn` and fail at `fail` after their last materialization.
    """

    deadline: str
    since: timedelta
    warn: timedelta
    fail: timedelta

    @property
    def of_day(self) -> dg.FreshnessPolicy:
        """The policy of assets with a partition per day."""
        return dg.FreshnessPolicy.cron(self.deadline, self.since, timezone="UTC")

    @property
    def of_whole(self) -> dg.FreshnessPolicy:
        """The policy of assets that are made anew each time."""
        return dg.FreshnessPolicy.time_window(fail_window=self.fail, warn_window=self.warn)


# Nobody's schedule is on there: a week without a run is normal on a laptop, and more is forgotten.
_ONCE_A_WEEK = Budget("0 7 * * 1", timedelta(days=7), warn=timedelta(days=7), fail=timedelta(days=14))

BUDGETS = {
    Environment.LOCAL: _ONCE_A_WEEK,
    Environment.KIND: _ONCE_A_WEEK,
    # At noon, of a run since midnight: somebody looks at it during the day.
    Environment.DEV: Budget(
        "0 12 * * *", timedelta(hours=12), warn=timedelta(hours=30), fail=timedelta(hours=36)
    ),
    # The run is at 06:00 and the reports are read from 07:00; a day's run takes minutes.
    Environment.PROD: Budget(
        "0 7 * * *", timedelta(hours=7), warn=timedelta(hours=25), fail=timedelta(hours=26)
    ),
}


def policies(
    environment: Environment, group: str, *, by_event: bool = False
) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """Return what gives an asset of `group` its policy in `environment`; others stay as they are.

    What comes `by_event`, and not with the schedule, has no deadline on a day, whatever partitions it has: it is
    late when nothing has come for longer than the budget.
    """
    budget = BUDGETS[environment]

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.group_name != group:
            return spec
        policy = budget.of_whole if by_event or spec.partitions_def is None else budget.of_day
        return spec.replace_attributes(freshness_policy=policy)

    return with_policy
