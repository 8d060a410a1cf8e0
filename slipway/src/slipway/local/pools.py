"""Pools: how many steps may use something at a time, over all runs of all code locations.

Each code location declares the pools of its assets in its pyproject.toml ([tool.slipway.pools], name = limit); here
they are collected and brought to the Dagster instance, which then has those and no others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.graphql import GraphQL
from slipway.local.errors import LocalPlatformError
from slipway.repository import CodeLocation

if TYPE_CHECKING:
    from dagster import DagsterInstance


@dataclass(frozen=True)
class PoolState:
    """A pool as the instance has it.

    Attributes:
        used: the steps that hold a place, as (run id, step).
        waiting: those that wait for one.
    """

    name: str
    limit: int
    used: tuple[tuple[str, str], ...]
    waiting: tuple[tuple[str, str], ...]


def declared(locations: Iterable[CodeLocation]) -> dict[str, int]:
    """Return the limits of all pools that the code locations declare. Several may declare the same limit.

    Raises:
        LocalPlatformError: two declare different limits for one pool; the message names both.
    """
    limits: dict[str, int] = {}
    owners: dict[str, str] = {}
    for location in locations:
        for name, limit in location.pools.items():
            if limits.setdefault(name, limit) != limit:
                raise LocalPlatformError(
                    f"Pool {name!r} has the limit {limits[name]} in {owners[name]} and {limit} in {location.name}.",
                    "Write the same number into [tool.slipway.pools] of both pyproject.toml files.",
                )
            owners.setdefault(name, location.name)
    return limits


def apply_to_instance(instance: "DagsterInstance", wanted: Mapping[str, int]) -> list[str]:
    """Give the instance the pools `wanted` and no others; return what changed, in words."""
    storage = instance.event_log_storage
    current = {pool.name: pool.limit for pool in storage.get_pool_limits()}
    return _apply(current, wanted, storage.set_concurrency_slots, storage.delete_concurrency_limit)


def apply_over_graphql(web: GraphQL, wanted: Mapping[str, int]) -> list[str]:
    """Do the same on a platform that runs; steps at work keep their places."""

    def set_limit(name: str, limit: int) -> None:
        web.ask(_SET, name=name, limit=limit)

    def remove(name: str) -> None:
        web.ask(_DELETE, name=name)

    return _apply({pool.name: pool.limit for pool in states(web)}, wanted, set_limit, remove)


def states(web: GraphQL) -> list[PoolState]:
    """Return every pool of the instance, by name."""
    found = web.ask(_POOLS)["instance"]["concurrencyLimits"]
    pools = [
        PoolState(
            name=pool["concurrencyKey"],
            limit=pool["slotCount"],
            used=tuple((slot["runId"], slot["stepKey"]) for slot in pool["claimedSlots"]),
            # A step that is at work is also among the pending ones, as one that got its place.
            waiting=tuple(
                (step["runId"], step["stepKey"])
                for step in pool["pendingSteps"]
                if step["assignedTimestamp"] is None
            ),
        )
        for pool in found
    ]
    return sorted(pools, key=lambda pool: pool.name)


def _apply(
    current: Mapping[str, int],
    wanted: Mapping[str, int],
    set_limit: Callable[[str, int], None],
    remove: Callable[[str], None],
) -> list[str]:
    changes = []
    for name, limit in wanted.items():
        if current.get(name) != limit:
            set_limit(name, limit)
            changes.append(f"{name}: {limit}")
    for name in current.keys() - wanted.keys():
        remove(name)
        changes.append(f"{name} is no longer declared and was removed")
    return changes


_POOLS = """{ instance { concurrencyLimits { concurrencyKey slotCount claimedSlots { runId stepKey }
  pendingSteps { runId stepKey assignedTimestamp } } } }"""
_SET = """mutation ($name: String!, $limit: Int!) {
  setConcurrencyLimit(concurrencyKey: $name, limit: $limit) }"""
_DELETE = "mutation ($name: String!) { deleteConcurrencyLimit(concurrencyKey: $name) }"
