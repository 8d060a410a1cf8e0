"""Where the charts are: ours in this repository, Dagster's own outside of it.

The official chart is looked for in `$SLIPWAY_CHARTS`, in the user's cache, and in the official Helm repository, in this
order: an archive `dagster-<version>.tgz` or an unpacked folder `dagster/`. It is used as it is.

Does not belong here: rendering (`slipway.deploy.helm`), and checking values against a chart's schema (`schemas`).
"""

import os
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from slipway.cache import cache_folder, locked, made_whole
from slipway.deploy.errors import DeployError
from slipway.errors import indented

CHARTS_VARIABLE = "SLIPWAY_CHARTS"
REPOSITORY = "https://dagster-io.github.io/helm"
CONTROL_PLANE = "dagster"
CODE_LOCATION = "dagster-user-deployments"
OFFICIAL = (CONTROL_PLANE, CODE_LOCATION)


class ChartMissingError(DeployError):
    """The official chart is in none of the places where it is looked for."""


def find(root: Path, chart: str, official: Path | None = None) -> Path:
    """Return the folder of a chart: of the checkout at `root`, or an official one that was put in its place before.

    `official` is the only place where an official one is looked for, instead of those of this machine.

    Raises:
        ChartMissingError: it is an official one, and in none of its places; the message lists them.
        DeployError: there is no such chart.
    """
    if chart not in OFFICIAL:
        if not (root / chart / "Chart.yaml").is_file():
            raise DeployError(f"There is no chart {root / chart}.", f"Official ones: {', '.join(OFFICIAL)}.")
        return root / chart
    control_plane = _official([official] if official else _places())
    return control_plane if chart == CONTROL_PLANE else control_plane / "charts" / CODE_LOCATION


def version(chart: Path) -> str:
    """Return the version that a chart's folder says it has."""
    return str(yaml.safe_load((chart / "Chart.yaml").read_text())["version"])


def options(chart: str) -> tuple[str, ...]:
    """Return what helm has to be told about a chart besides its values.

    The official charts' schemas refer to a file on the internet, which fails wherever there is none
    (https://github.com/dagster-io/dagster/issues/29629); `slipway.deploy.schemas` checks the values.
    """
    return ("--skip-schema-validation",) if chart in OFFICIAL else ()


def fetch(helm: Path, wanted: str) -> None:
    """Bring the official chart of the version `wanted` into the user's cache, unless one is in its place already.

    Raises:
        ChartMissingError: the official repository does not give it.
    """
    try:
        _official(_places())
    except ChartMissingError as missing:
        folder = _cached()
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(helm), "pull", CONTROL_PLANE, "--repo", REPOSITORY, "--version", wanted]
        done = subprocess.run(
            [*command, "--destination", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ChartMissingError(f"{missing}\n{indented(done.stderr)}", missing.hint) from None


def _places() -> list[Path]:
    return [*([Path(chosen)] if (chosen := os.environ.get(CHARTS_VARIABLE)) else []), _cached()]


def _official(places: Sequence[Path]) -> Path:
    for place in places:
        if (place / CONTROL_PLANE / "Chart.yaml").is_file():
            return place / CONTROL_PLANE
        if archives := sorted(place.glob(f"{CONTROL_PLANE}-[0-9]*.tgz")):
            return _unpacked(archives[-1])
    looked = ", ".join(map(str, places))
    raise ChartMissingError(
        f"The official Dagster chart is not in {looked}.",
        f"Download dagster-<version>.tgz from {REPOSITORY} and put it, or its folder `dagster`, into {places[0]}.",
    )


def _cached() -> Path:
    return cache_folder() / "charts"


def _unpacked(archive: Path) -> Path:
    """Return the folder of an archive, unpacked once into the user's cache."""
    target = _cached() / f".{archive.stem}-{archive.stat().st_mtime_ns}"
    with locked(target):
        if not target.exists():
            with made_whole(target) as making, tarfile.open(archive) as packed:
                packed.extractall(making, filter="data")
    return target / CONTROL_PLANE
