"""The base of all images: upstream's Python where a registry can be reached, else the same made of Debian's packages.

Does not belong here: what stands on it.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.cluster import debian
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.images.errors import ImageError

UPSTREAM = "python:3.13-slim"
OWN = "slipway/base"
# The first Debian whose Python is that of upstream's image.
SUITE = "trixie"
PACKAGES = Path("docker/base/packages.txt")
_PULL_SECONDS = 120
_CHANGE = ("--change", "ENV LANG=C.UTF-8")


@dataclass(frozen=True)
class Base:
    """A base image that the engine has.

    Attributes:
        reference: its name for `FROM`.
        identity: what tells it from others, for tags: alike on every machine that chose the same.
        reason: why it was chosen, for people.
    """

    reference: str
    identity: str
    reason: str


def find(engine: Engine, root: Path, say: Callable[[str], None]) -> Base:
    """Return the base image, pulled or made when it is missing.

    Raises:
        ImageError: it could not be made.
    """
    if engine.has_image(UPSTREAM) or _pulled(engine, say):
        return Base(UPSTREAM, UPSTREAM, "a registry can be reached")
    packages = debian.packages_in(root / PACKAGES)
    try:
        archive = debian.archive(packages, say, variant="essential", suite=SUITE)
    except ClusterError as error:
        raise ImageError(f"The base image could not be made.\n{error}", error.hint) from None
    reference = f"{OWN}:{archive.stem}"
    if not engine.has_image(reference):
        say("importing Debian's packages")
        engine.run("import", *_CHANGE, str(archive), reference)
    return Base(reference, archive.stem, "no registry can be reached: made of Debian's packages")


def _pulled(engine: Engine, say: Callable[[str], None]) -> bool:
    say(f"asking for {UPSTREAM}")
    try:
        return not engine.run("pull", "--quiet", UPSTREAM, check=False, timeout=_PULL_SECONDS).returncode
    except subprocess.TimeoutExpired:
        return False
