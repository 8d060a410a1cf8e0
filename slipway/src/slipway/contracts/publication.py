"""Contract files in the store, beside the assets that they are of.

`<asset>.odcs.yaml`, next to `<asset>.parquet` or to the folder of its partitions. Belongs here: reading
and writing them. The IO manager writes one when it stores the asset; other code locations read it with
`published_contract`. Does not belong here: the file's form (`document.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from slipway.contracts.changes import changes, version_needed
from slipway.contracts.contract import Published
from slipway.contracts.document import SUFFIX, from_bytes, from_document, to_bytes
from slipway.contracts.errors import BreakingChangeError, DocumentError, NoContractError
from slipway.storage.faults import explained
from slipway.storage.keys import Place, asset_place
from slipway.storage.store import RETRY_SECONDS, open_store
from slipway.storage.uploads import upload

if TYPE_CHECKING:
    from obstore.store import ObjectStore


def published_contract(
    base_url: str, asset: dg.AssetKey | str, *, retry_seconds: float = RETRY_SECONDS
) -> Published:
    """Return the contract that is published with an asset, of whichever code location.

    `base_url` is the storage's (SLIPWAY_STORAGE_URL); `asset` has its parts joined by /.

    Raises:
        NoContractError: there is none; DocumentError: the file is damaged; slipway.storage.StorageError.
    """
    where, data = published_bytes(base_url, asset, retry_seconds=retry_seconds)
    return from_bytes(data, where)


def published_bytes(
    base_url: str, asset: dg.AssetKey | str, *, retry_seconds: float = RETRY_SECONDS
) -> tuple[str, bytes]:
    """Return where the contract of an asset is published, and the file.

    Raises:
        NoContractError: there is none; slipway.storage.StorageError.
    """
    key = dg.AssetKey.from_user_string(asset) if isinstance(asset, str) else asset
    place = asset_place(base_url, key, None)
    data = _read(open_store(base_url, retry_seconds=retry_seconds), place)
    if data is None:
        raise NoContractError(
            f"asset {place.asset} has no contract ({place.location(SUFFIX)}): it has not been materialized, or is not "
            f"declared with `slipway.contracts.published`. Materialize it with `{place.launch_command}`."
        )
    return place.uri(SUFFIX), data


def outdated(store: "ObjectStore", place: Place, document: Mapping[str, Any]) -> bytes | None:
    """Return the file to write at `place` for `document`, or None if it is there already.

    A version below the published one is an older image that is back: it may publish what it did before.

    Raises:
        BreakingChangeError: of the same major version, `document` promises less than what is published.
    """
    data = to_bytes(document)
    there = _read(store, place)
    if there == data:
        return None
    if there is not None:
        _refuse_breaking(there, from_document(document), place)
    return data


def publish(store: "ObjectStore", place: Place, data: bytes) -> None:
    """Write a contract file, whole or not at all."""
    upload(store, place, SUFFIX, [data])


def _refuse_breaking(there: bytes, new: Published, place: Place) -> None:
    try:
        old = from_bytes(there, place.location(SUFFIX))
    except DocumentError:
        return  # nobody can rely on what can't be read
    needed = version_needed(old, new)
    broken = [change for change in changes(old, new) if change.breaking]
    if not needed or not broken or new.contract.number < old.contract.number:
        return
    lines = "\n".join(f"- {change.text}" for change in broken)
    raise BreakingChangeError(
        f"{place.label}: version {new.contract.version} of its contract takes away what the published version "
        f"{old.contract.version} ({place.location(SUFFIX)}) promises to readers:\n{lines}\n"
        f"Nothing was stored. Keep it, or declare version {needed} once the readers are ready: docs/contracts.md."
    )


def _read(store: "ObjectStore", place: Place) -> bytes | None:
    import obstore  # noqa: PLC0415
    from obstore.exceptions import PermissionDeniedError  # noqa: PLC0415

    with explained(place, SUFFIX):
        try:
            return bytes(obstore.get(store, place.path(SUFFIX)).bytes())
        # S3's answer for what is not there, where the credentials may not list the bucket.
        except (FileNotFoundError, PermissionDeniedError):
            return None
