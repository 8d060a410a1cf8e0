"""Archives of Debian packages with all that they need: the file systems that our own images are made of.

Packages come from the mirror that the machine itself uses; apt checks their signatures. A mirror of a fixed day
(https://snapshot.debian.org) can be named in SLIPWAY_DEBIAN_MIRROR, to get the same packages on every machine.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from slipway.cache import cache_folder, locked
from slipway.cluster.errors import ClusterError
from slipway.cluster.machine import follow

MIRROR_VARIABLE = "SLIPWAY_DEBIAN_MIRROR"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
_APT = Path("/etc/apt")
# Documentation and translations: a sixth of a node.
_UNWANTED = ("doc", "man", "locale", "info", "lintian")


def mirror(apt: Path = _APT) -> str:
    """Return the address of a Debian mirror: `$SLIPWAY_DEBIAN_MIRROR`, else the machine's first, else Debian's own."""
    if chosen := os.environ.get(MIRROR_VARIABLE):
        return chosen
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        text = file.read_text() if file.suffix in {".list", ".sources"} and file.exists() else ""
        for found in re.findall(r"^(?:URIs:|deb(?: \[.*\])?) *(\S+/debian/?)(?:\s|$)", text, re.MULTILINE):
            return str(found).rstrip("/")
    return DEFAULT_MIRROR


def packages_in(file: Path) -> list[str]:
    """Return the packages that `file` lists, one on a line, `#` before comments."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def archive(packages: Sequence[str], say: Callable[[str], None], *, variant: str, suite: str = SUITE) -> Path:
    """Return a tar archive of `packages` and what they depend on, made once and kept in the cache.

    Args:
        packages: their names.
        say: told how far it is.
        suite: Debian's release.
        variant: mmdebstrap's: "essential" for the least that runs, "minbase" for a system, "extract" for the files alone, without a system around them.

    Raises:
        ClusterError: mmdebstrap is missing, or it failed.
    """
    target = cache_folder() / "debian" / f"{name(packages, variant, suite)}.tar"
    with locked(target):
        if not target.exists():
            _make(target, packages, variant, suite, say)
    return target


def name(packages: Sequence[str], variant: str, suite: str = SUITE) -> str:
    """Return the name of such an archive: the same packages have the same on every machine."""
    digest = hashlib.sha256(" ".join([suite, variant, *_UNWANTED, *packages]).encode()).hexdigest()[:8]
    return f"{suite}-{packages[0]}-{digest}"


def _make(
    target: Path, packages: Sequence[str], variant: str, suite: str, say: Callable[[str], None]
) -> None:
    program = shutil.which("mmdebstrap")
    if not program:
        raise ClusterError(
            "The images of a machine without a registry are made of Debian's packages by mmdebstrap, which is missing.",
            "Install it (apt install mmdebstrap), or see that the engine can pull kindest/node.",
        )
    making = target.with_name(target.name + ".making")
    making.unlink(missing_ok=True)
    command = [program, f"--variant={variant}", f"--include={','.join(packages)}"]
    if variant != "extract":
        command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _UNWANTED]
        # The mirror is this machine's business, and a node installs nothing.
        command += ['--customize-hook=rm -f "$1"/etc/apt/sources.list "$1"/etc/hostname "$1"/etc/resolv.conf']
    follow(
        [*command, "--format=tar", suite, str(making), mirror()],
        say,
        title=f"Debian's packages ({', '.join(packages[:3])}, ...) could not be brought together",
        interesting=lambda line: line[3:].strip() if line.startswith("I: ") else "",
    )
    making.replace(target)
