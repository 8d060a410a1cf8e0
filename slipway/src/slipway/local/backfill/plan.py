"""Which partitions a backfill takes, and how many runs that makes. Pure.

Does not belong here: asking or telling Dagster anything.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from slipway.local.backfill.assets import Asset
from slipway.local.errors import LocalPlatformError

Range = tuple[str, str]


@dataclass(frozen=True)
class Target:
    """The partitions of one asset that a backfill takes, oldest first; none for an asset without partitions."""

    asset: Asset
    keys: tuple[str, ...] = ()

    @property
    def ranges(self) -> list[Range]:
        """The partitions as ranges of neighbours, first and last key."""
        places = {key: place for place, key in enumerate(self.asset.partitions)}
        found: list[Range] = []
        for key in self.keys:
            if found and places[key] == places[found[-1][1]] + 1:
                found[-1] = (found[-1][0], key)
            else:
                found.append((key, key))
        return found


def in_range(assets: Sequence[Asset], first: str | None, last: str | None) -> list[Target]:
    """Return the partitions from `first` to `last`, both included; all of them without bounds.

    A bound is a partition key, or its beginning: a day stands for all of its hours. Assets without partitions
    are taken as they are.

    Raises:
        LocalPlatformError: `first` is after `last`, or a bound is no partition of any asset; the message
            says the first and the last that there are.
    """
    partitioned = [asset for asset in assets if asset.partitioned]
    if (first or last) and not partitioned:
        raise LocalPlatformError(
            f"{', '.join(asset.name for asset in assets)} has no partitions.", "Leave out --from and --to."
        )
    if partitioned and not any(asset.partitions for asset in partitioned):
        raise LocalPlatformError(_no_such_partition(partitioned, first or "of these"), "Launch it in the UI.")
    for bound in filter(None, (first, last)):
        if not any(key.startswith(bound) for asset in partitioned for key in asset.partitions):
            raise LocalPlatformError(_no_such_partition(partitioned, bound), "Choose partitions among these.")
    targets = [Target(asset, _between(asset, first, last)) for asset in assets]
    found = [target for target in targets if target.keys or not target.asset.partitioned]
    if partitioned and not any(target.keys for target in found):
        raise LocalPlatformError(
            f"There is no partition from {first} to {last}: --from is after --to.", "Exchange them."
        )
    return found


def since(assets: Iterable[Asset], first: str | None) -> list[Target]:
    """Return the partitions from `first` on, which need not be one; all of them without it."""
    return [Target(asset, _between(asset, first, None)) for asset in assets]


def missing(
    targets: Iterable[Target], elsewhere: Collection[tuple[str, str]] = (), *, once: bool = True
) -> list[Target]:
    """Return of `targets` what has never been materialized or whose newest attempt failed.

    What a run is at work on is left out, and so is what another backfill takes: `elsewhere`, pairs of asset name and
    partition key. With `once`, an asset without partitions is taken if it was never materialized, or if
    something it is made of is taken.
    """
    found: dict[str, Target] = {}
    waiting = []
    for target in targets:
        asset = target.asset
        if not asset.partitioned:
            waiting.append(target)
            continue
        there = (asset.materialized - asset.failed) | asset.at_work
        keys = tuple(key for key in target.keys if key not in there and (asset.name, key) not in elsewhere)
        if keys:
            found[asset.name] = Target(asset, keys)
    while once and (
        due := [at for at in waiting if not at.asset.materialized or set(at.asset.parents) & set(found)]
    ):
        found |= {target.asset.name: target for target in due}
        waiting = [target for target in waiting if target not in due]
    return list(found.values())


def runs(targets: Iterable[Target]) -> list[tuple[list[Target], int]]:
    """Return the targets that share runs, and how many runs they make.

    As Dagster groups them: assets with the same partitions to be made and the same policy run together. Those that wait
    for each other for another reason (a parent with other partitions) come in runs of their own, so the number is the least.
    """
    together: dict[object, list[Target]] = {}
    for target in targets:
        together.setdefault((target.asset.definition, target.keys, target.asset.per_run), []).append(target)
    return [(group, _runs_of(group[0])) for group in together.values()]


def _runs_of(target: Target) -> int:
    if not target.asset.partitioned:
        return 1
    if target.asset.per_run is None:
        return len(target.ranges)
    places = {key: place for place, key in enumerate(target.keys)}
    sizes = [places[last] - places[first] + 1 for first, last in target.ranges]
    return sum(-(-size // target.asset.per_run) for size in sizes)


def _between(asset: Asset, first: str | None, last: str | None) -> tuple[str, ...]:
    keys = asset.partitions
    start = next((at for at, key in enumerate(keys) if not first or key >= first), len(keys))
    if (
        first
        and (exact := next((at for at, key in enumerate(keys) if key.startswith(first)), None)) is not None
    ):
        start = exact
    end = max((at + 1 for at, key in enumerate(keys) if not last or key <= last), default=0)
    if last and (within := [at for at, key in enumerate(keys) if key.startswith(last)]):
        end = within[-1] + 1
    return keys[start:end]


def _no_such_partition(assets: Sequence[Asset], bound: str) -> str:
    lines = [
        f"{asset.name}: the first is {asset.partitions[0]}, the last {asset.partitions[-1]} ({asset.definition})"
        if asset.partitions
        else f"{asset.name}: none that can be chosen here ({asset.definition})"
        for asset in assets
    ]
    return f"There is no partition {bound!r}. A partition is there once its time has ended.\n" + "\n".join(
        f"    {line}" for line in lines
    )
