"""The base of all images: upstream's Python where a registry can be reached, else the same made of Debian's packages.

Does not belong here: what stands on it.
"""

import hashlib
import shutil
import subprocess
import tempfile
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
RECIPE = Path("docker/base")
PACKAGES = RECIPE / "packages.txt"
_PULL_SECONDS = 120
_BUILT_FROM = ("Dockerfile", "remove.txt")


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
    identity = _identity(root / RECIPE, archive.stem)
    reference = f"{OWN}:{identity}"
    if not engine.has_image(reference):
        say("importing Debian's packages")
        system = f"{OWN}:system"
        engine.run("import", str(archive), system)
        with tempfile.TemporaryDirectory(prefix="slipway-image-") as context:
            for name in _BUILT_FROM:
                shutil.copy2(root / RECIPE / name, context)
            engine.run("build", "--build-arg", f"SYSTEM={system}", "--tag", reference, context)
        engine.run("rmi", system)
    return Base(reference, identity, "no registry can be reached: made of Debian's packages")


def _identity(recipe: Path, system: str) -> str:
    digest = hashlib.sha256(system.encode())
    for name in _BUILT_FROM:
        digest.update((recipe / name).read_bytes())
    return f"{SUITE}-python3.13-{digest.hexdigest()[:8]}"


def _pulled(engine: Engine, say: Callable[[str], None]) -> bool:
    say(f"asking for {UPSTREAM}")
    try:
        return not engine.run("pull", "--quiet", UPSTREAM, check=False, timeout=_PULL_SECONDS).returncode
    except subprocess.TimeoutExpired:
        return False
