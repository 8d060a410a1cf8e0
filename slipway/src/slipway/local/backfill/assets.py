"""The assets of every code location that is served, with their partitions and what became of them.

One question over GraphQL. Does not belong here: choosing among them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.graphql import GraphQL


@dataclass(frozen=True)
class Asset:
    """An asset that a run can materialize.

    Attributes:
        name: the asset key, its parts joined by /.
        location: the code location that defines it.
        parents: names of the assets that it is made of.
        definition: what its partitions are, in Dagster's words; None without partitions.
        partitions: every partition key that there is, oldest first; a day is there once it has ended. None are
            listed of partitions of two dimensions.
        per_run: how many partitions one run takes (BackfillPolicy); None for all.
        materialized: partitions whose newest attempt succeeded; without partitions, its own name.
        failed: partitions whose newest attempt failed.
        at_work: partitions that a run is about to materialize.
    """

    name: str
    location: str
    group: str = "default"
    kinds: frozenset[str] = frozenset()
    tags: Mapping[str, str] | None = None
    owners: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    definition: str | None = None
    partitions: tuple[str, ...] = ()
    per_run: int | None = 1
    materialized: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    at_work: frozenset[str] = frozenset()

    @property
    def partitioned(self) -> bool:
        """Whether it has partitions."""
        return self.definition is not None

    @property
    def path(self) -> list[str]:
        """The asset key as GraphQL takes it."""
        return self.name.split("/")


def read_assets(web: GraphQL) -> list[Asset]:
    """Return the assets that can be materialized, of all code locations, by name.

    Without those that have the tag BY_EVENT: what comes of itself, a file, say, can't be asked for by its day.
    """
    nodes = web.ask(_ASSETS)["assetNodes"]
    found = [_asset(node) for node in nodes if node["isMaterializable"]]
    return sorted((each for each in found if BY_EVENT not in (each.tags or {})), key=lambda each: each.name)


BY_EVENT = "slipway/by_event"


_ASSETS = """{ assetNodes { assetKey { path } groupName isMaterializable kinds tags { key value }
  owners { ... on UserAssetOwner { email } ... on TeamAssetOwner { team } }
  dependencyKeys { path } repository { location { name } } backfillPolicy { maxPartitionsPerRun }
  partitionDefinition { type description } partitionKeys assetMaterializations(limit: 1) { runId }
  assetPartitionStatuses {
    ... on TimePartitionStatuses { ranges { status startKey endKey } }
    ... on DefaultPartitionStatuses { materializedPartitions failedPartitions materializingPartitions } } } }"""

_TWO_DIMENSIONS = "MULTIPARTITIONED"


def _asset(node: dict[str, Any]) -> Asset:
    name = "/".join(node["assetKey"]["path"])
    policy = node["backfillPolicy"]
    definition = node["partitionDefinition"]
    grid = definition and definition["type"] == _TWO_DIMENSIONS
    keys = () if grid else tuple(node["partitionKeys"])
    if definition:
        found = _by_status(node["assetPartitionStatuses"], keys)
    else:
        found = {"MATERIALIZED": {name} if node["assetMaterializations"] else set()}
    return Asset(
        name=name,
        location=node["repository"]["location"]["name"],
        group=node["groupName"],
        kinds=frozenset(node["kinds"]),
        tags={tag["key"]: tag["value"] for tag in node["tags"]},
        owners=tuple(owner.get("email") or f"team:{owner['team']}" for owner in node["owners"]),
        parents=tuple("/".join(parent["path"]) for parent in node["dependencyKeys"]),
        definition=definition["description"] if definition else None,
        partitions=keys,
        per_run=policy["maxPartitionsPerRun"] if policy else 1,
        materialized=frozenset(found.get("MATERIALIZED", ())),
        failed=frozenset(found.get("FAILED", ())),
        at_work=frozenset(found.get("MATERIALIZING", ())),
    )


def _by_status(statuses: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Iterable[str]]:
    if "ranges" not in statuses:
        return {
            "MATERIALIZED": statuses.get("materializedPartitions", ()),
            "FAILED": statuses.get("failedPartitions", ()),
            "MATERIALIZING": statuses.get("materializingPartitions", ()),
        }
    places = {key: place for place, key in enumerate(keys)}
    found: dict[str, Iterable[str]] = {}
    for each in statuses["ranges"]:
        inside = keys[places[each["startKey"]] : places[each["endKey"]] + 1]
        found[each["status"]] = [*found.get(each["status"], ()), *inside]
    return found
