"""The contract files that are committed with a code location, against what its code declares.

The committed files are what reviewers see of a change, and what a change is compared with before it is
deployed: in the location's load test and by `slipway contracts`. Does not belong here: the published files
(`publication.py`), which the IO manager compares again when it stores an asset.
"""

import difflib
from pathlib import Path
from typing import Any

import dagster as dg

from slipway.contracts.changes import changes, version_needed
from slipway.contracts.document import SUFFIX, from_bytes, to_bytes
from slipway.storage.io_manager import CONTRACT

_UPDATE = "Run `slipway contracts <location> --update` and commit the file."


def declared(definitions: dg.Definitions) -> dict[str, bytes]:
    """Return the contract files of the assets that `definitions` hold, by asset key."""
    found: dict[str, bytes] = {}
    for spec in definitions.resolve_all_asset_specs():
        contract: Any = spec.metadata.get(CONTRACT)
        if contract is not None:
            found[spec.key.to_user_string()] = to_bytes(contract.data)
    return found


def file_of(folder: Path, asset: str) -> Path:
    """Return the committed file of an asset."""
    return folder / f"{asset}{SUFFIX}"


def committed(folder: Path) -> dict[str, bytes]:
    """Return the committed files by asset key."""
    files = sorted(folder.rglob(f"*{SUFFIX}"))
    return {file.relative_to(folder).as_posix().removesuffix(SUFFIX): file.read_bytes() for file in files}


def complaints(definitions: dg.Definitions, folder: Path) -> list[str]:
    """Return what does not fit between the code and the committed files, with a diff; best empty.

    That is: a change without the version that it needs, a change of which the committed file does not know,
    an asset that is published without a committed file, a file whose asset is no longer published.
    """
    ours, there = declared(definitions), committed(folder)
    found = []
    for asset in sorted({*ours, *there}):
        file = file_of(folder, asset)
        if asset not in ours:
            found.append(
                f"contract of {asset}: BREAKING: the asset is no longer published. If no reader is left, "
                f"`git rm {file}`; else publish it again"
            )
        elif asset not in there:
            found.append(f"contract of {asset}: {file} is missing. {_UPDATE}")
        elif complaint := compared(asset, there[asset], ours[asset], str(file)):
            found.append(complaint)
        elif there[asset] != ours[asset]:
            found.append(
                f"{_difference(asset, there[asset], ours[asset], str(file))}\n{file} is out of date. {_UPDATE}"
            )
    return found


def compared(asset: str, old: bytes, new: bytes, name: str) -> str | None:
    """Return a complaint with a diff if `new` needs another version than it has; `name` is where `old` is."""
    before, after = from_bytes(old, name), from_bytes(new, "the code")
    needed = version_needed(before, after)
    if needed is None:
        return None
    return (
        f"{_difference(asset, old, new, name)}\n"
        f"This needs version {needed} at least, and the contract says {after.contract.version}. Keep what readers rely "
        f"on; or declare version {needed}, then {_UPDATE[0].lower()}{_UPDATE[1:]}"
    )


def update(definitions: dg.Definitions, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the files of all contracts that have the version they need; return those written, and complaints."""
    written, refused = [], []
    there = committed(folder)
    for asset, data in sorted(declared(definitions).items()):
        file = file_of(folder, asset)
        complaint = compared(asset, there[asset], data, str(file)) if asset in there else None
        if complaint:
            refused.append(complaint)
        elif there.get(asset) != data:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            written.append(file)
    return written, refused


def _difference(asset: str, old: bytes, new: bytes, name: str) -> str:
    """Return the changes in words and the files' unified diff."""
    said = [f"  {change}" for change in changes(from_bytes(old, name), from_bytes(new, "the code"))]
    before, after = old.decode().splitlines(), new.decode().splitlines()
    diff = difflib.unified_diff(before, after, name, "the code", n=2, lineterm="")
    return "\n".join([f"contract of {asset}:", *said, *(f"  {line}" for line in diff)])
