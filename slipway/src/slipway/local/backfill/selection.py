"""From a person's words to assets: Dagster's own selection syntax, and errors that name what is near.

Heavy: `select` imports Dagster, whose parser it is. Does not belong here: partitions.
"""

import difflib
import re
import warnings
from collections.abc import Sequence

from slipway.local.backfill.assets import Asset
from slipway.local.errors import LocalPlatformError

SYNTAX = "Write a name, name+ (with all that is made of it), +name, group:NAME, tag:KEY=VALUE, or several."


def select(assets: Sequence[Asset], words: Sequence[str], location: str | None = None) -> list[Asset]:
    """Return the assets that any of `words` selects, by name.

    `words` are selections in the syntax of Dagster's UI and of `dg`; one may hold several, separated by
    commas. Only assets of `location` are returned, where it is given.

    Raises:
        LocalPlatformError: a selection can't be read or selects nothing (near names are listed), or the
            assets are of more than one code location.
    """
    if location and not any(asset.location == location for asset in assets):
        known = ", ".join(sorted({asset.location for asset in assets})) or "none"
        raise LocalPlatformError(
            f"No code location {location!r} with assets is served.", f"Those that are: {known}."
        )
    own = [asset for asset in assets if location in (None, asset.location)]
    chosen: set[str] = set()
    for word in filter(None, (part.strip() for each in words for part in each.split(","))):
        found = _resolve(assets, word) & {asset.name for asset in own}
        if not found:
            raise LocalPlatformError(_selects_nothing(word, own, location), SYNTAX)
        chosen |= found
    selected = [asset for asset in own if asset.name in chosen]
    if len(places := sorted({asset.location for asset in selected})) > 1:
        raise LocalPlatformError(
            f"The selection has assets of {' and '.join(places)}; a backfill is of one code location.",
            f"Choose one with --location, for example --location {places[0]}.",
        )
    return selected


def _resolve(assets: Sequence[Asset], word: str) -> set[str]:
    import dagster as dg  # noqa: PLC0415 - 0.7 CPU-seconds

    def stand_in() -> None:
        """Stand for an asset, so that Dagster's own parser can select among all of them."""

    graph = [
        dg.asset(
            key=asset.path,
            deps=[dg.AssetKey(parent.split("/")) for parent in asset.parents],
            group_name=asset.group,
            tags={name: text for name, text in (asset.tags or {}).items() if not name.startswith("dagster/")},
            kinds=set(asset.kinds),
            owners=list(asset.owners),
        )(stand_in)
        for asset in assets
    ]
    try:
        with warnings.catch_warnings(category=dg.BetaWarning, action="ignore"):
            keys = dg.AssetSelection.from_string(_unabridged(word)).resolve(graph, allow_missing=True)
    except (dg.DagsterError, NotImplementedError):
        raise LocalPlatformError(f"{word!r} is no selection of assets.", SYNTAX) from None
    return {"/".join(key.path) for key in keys}


def _unabridged(word: str) -> str:
    """Return a bare name with `key:` before it: without, Dagster reads an older syntax, in which + is one step."""
    return re.sub(r"^(\d*\+)?([\w/*-]+)(\+\d*)?$", r'\1key:"\2"\3', word)


def _selects_nothing(word: str, assets: Sequence[Asset], location: str | None) -> str:
    where = f" of {location}" if location else ""
    attribute, colon, wanted = word.strip("+ ").partition(":")
    if colon and attribute == "group":
        near = difflib.get_close_matches(wanted, {asset.group for asset in assets}, cutoff=0.5)
    else:
        bare = re.sub(r"^\d*\+|\+\d*$", "", word).strip('" ')
        near = difflib.get_close_matches(bare, [asset.name for asset in assets], cutoff=0.5)
    hint = f" Near: {', '.join(near)}." if near else ""
    return f"{word!r} selects no asset{where}.{hint}"
