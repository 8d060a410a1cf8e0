"""Compare, or write, the contract files of a code location: `python -m slipway.contracts orders.definitions contracts`.

Runs in the location's own environment, where its definitions can be imported; `slipway contracts` calls it.
"""

import argparse
import sys
import warnings
from importlib import import_module
from pathlib import Path

import dagster as dg

from slipway.contracts import baseline
from slipway.contracts.errors import NoContractError
from slipway.contracts.publication import published_bytes
from slipway.environment import required_setting

_PATIENCE = 15.0
"""Seconds for which a server that is down is asked again: somebody waits for the answer."""


def load(module: str) -> dg.Definitions:
    """Return what `module` defines as its code server serves it, validated."""
    # What an asset's own code uses is its tests' business.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    found = import_module(module).defs
    definitions: dg.Definitions = found if isinstance(found, dg.Definitions) else found()
    dg.Definitions.validate_loadable(definitions)
    return definitions


def main() -> int:
    """Run the command; return 1 if anything has to be done before the code may be deployed."""
    parser = argparse.ArgumentParser(
        prog="python -m slipway.contracts", description="Data contracts of a code location."
    )
    parser.add_argument("module", help="where `defs` is")
    parser.add_argument("folder", type=Path, help="the committed contract files")
    parser.add_argument("--update", action="store_true", help="write the files of what may be changed so")
    parser.add_argument(
        "--published", action="store_true", help="compare with what is published in the storage, too"
    )
    options = parser.parse_args()
    definitions = load(options.module)
    if options.update:
        written, complaints = baseline.update(definitions, options.folder)
        say = "".join(f"wrote {file}\n" for file in written) or "nothing to write\n"
        sys.stdout.write(say)
    else:
        complaints = baseline.complaints(definitions, options.folder)
    if options.published:
        url = required_setting("SLIPWAY_STORAGE_URL", "where assets and their contracts are")
        complaints += against_store(definitions, url)
    sys.stderr.write("".join(f"{text}\n\n" for text in complaints))
    if not complaints:
        assets = baseline.declared(definitions)
        sys.stdout.write(f"{len(assets)} contracts hold: {', '.join(sorted(assets)) or 'none'}\n")
    return 1 if complaints else 0


def against_store(definitions: dg.Definitions, url: str) -> list[str]:
    """Compare with the published files; one that is not there yet has no readers."""
    found = []
    for asset, ours in sorted(baseline.declared(definitions).items()):
        try:
            where, there = published_bytes(url, asset, retry_seconds=_PATIENCE)
        except NoContractError:
            continue
        if complaint := baseline.compared(asset, there, ours, where):
            found.append(complaint)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
