"""Which asset belongs to which step, who owns it, what it depends on, and which checks it has."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from slipway.alerts.client import owners_of


@dataclass(frozen=True)
class CheckKey:
    """An asset check; `path` is its asset's key."""

    location: str
    path: tuple[str, ...]
    name: str


class Catalog:
    """What was last known of every code location's assets."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, ...]] = {}
        self._upstream: dict[str, tuple[str, ...]] = {}
        self._by_step: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._location: dict[str, str] = {}
        self._checks: dict[str, tuple[CheckKey, ...]] = {}

    @property
    def checks(self) -> list[CheckKey]:
        """Every asset check."""
        return [check for checks in self._checks.values() for check in checks]

    def learn(self, nodes: list[dict[str, Any]]) -> None:
        """Take over what is known now; assets of a location that can't be loaded stay as they were."""
        for node in nodes:
            asset = asset_name(node["assetKey"])
            self._owners[asset] = owners_of(node)
            location = node["repository"]["location"]["name"]
            self._location[asset] = location
            path, checks = tuple(node["assetKey"]["path"]), node["assetChecksOrError"].get("checks", ())
            self._checks[asset] = tuple(CheckKey(location, path, check["name"]) for check in checks)
            self._upstream[asset] = tuple(asset_name(key) for key in node["dependencyKeys"])
            for step in node["opNames"]:
                self._by_step[location, step].add(asset)

    def owners(self, *assets: str) -> tuple[str, ...]:
        """Return everybody who owns one of the assets."""
        return tuple(sorted({owner for asset in assets for owner in self._owners.get(asset, ())}))

    def locations(self, *assets: str) -> tuple[str, ...]:
        """Return the code locations of the assets."""
        return tuple(sorted({self._location[asset] for asset in assets if asset in self._location}))

    def assets_of_step(self, location: str, step: str) -> tuple[str, ...]:
        """Return the assets that a step makes, or the one that it checks; empty when it is neither's."""
        step = step.split("[", 1)[0]
        found = self._by_step.get((location, step))
        if not found:
            # A check's step is called `<asset's step>_<check>`.
            names = [name for at, name in self._by_step if at == location and step.startswith(name + "_")]
            found = self._by_step[location, max(names, key=len)] if names else set()
        return tuple(sorted(found))

    def upstream(self, asset: str) -> set[str]:
        """Return everything that the asset depends on, however far."""
        found: set[str] = set()
        ahead = list(self._upstream.get(asset, ()))
        while ahead:
            each = ahead.pop()
            if each not in found:
                found.add(each)
                ahead.extend(self._upstream.get(each, ()))
        return found


def asset_name(key: dict[str, Any]) -> str:
    """Return an asset key as it is written in a path: its parts joined by /."""
    return "/".join(key["path"])
