"""Which images there are, what goes into each, and the tag that follows from it.

The same sources give the same tag on every machine, and other sources another one: a tag is never used twice, so that
queued and running runs keep the image that they were launched with.

Does not belong here: building (`slipway.images.build`).
"""

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.images.errors import ImageError
from slipway.repository import CodeLocation, Repository

RECIPE = Path("docker/project")
CONTROL_PLANE = "dagster"
_CONTROL_PLANE_PROJECT = Path("docker/dagster")
_PACKAGE = Path("slipway")
_TAG_LENGTH = 12
# Not part of any image; `target` is what dbt makes. Folders called `tests` are: dbt has its generic tests there.
_LEFT_OUT = frozenset({"target", "__pycache__"})
# Of a project's own folder; below src/ everything is taken.
_TOP = ("pyproject.toml", "uv.lock", "src")


@dataclass(frozen=True)
class Image:
    """A Python project of this repository that becomes an image.

    Attributes:
        name: the image's, as Kubernetes spells it: `sales-orders` for the code location `sales_orders`.
        project: its folder, relative to the checkout.
        packages: what is installed without its dependencies, as the build's container knows them.
        prepare: a shell command that makes of the sources what loading them takes; may be empty.
        extras: which of its optional dependencies are installed; the tag has them from pyproject.toml.
    """

    name: str
    project: Path
    packages: tuple[str, ...]
    prepare: str = ""
    extras: tuple[str, ...] = ()


def images(repository: Repository) -> tuple[Image, ...]:
    """Return the control plane's image and one for each code location."""
    control_plane = Image(CONTROL_PLANE, _CONTROL_PLANE_PROJECT, ("/build/slipway",))
    return (control_plane, *(_of_location(repository, each) for each in repository.code_locations))


def image(repository: Repository, name: str) -> Image:
    """Return the image called `name`.

    Raises:
        ImageError: there is none; the message lists those that exist.
    """
    known = {each.name: each for each in images(repository)}
    if name not in known:
        raise ImageError(f"There is no image {name!r}.", f"There are: {', '.join(known)}.")
    return known[name]


def context_files(root: Path, image: Image) -> Iterator[tuple[str, Path]]:
    """Yield what the build sees: the path in its context, and the file; always in the same order.

    Raises:
        ImageError: the project has no lock file.
    """
    if not (root / image.project / "uv.lock").is_file():
        raise ImageError(
            f"{image.project} has no uv.lock.",
            f"Make it: `uv lock --project {image.project}`, and commit it.",
        )
    for file in _files(root / RECIPE):
        yield file.name, file
    for folder, prefix in ((image.project, "project"), (_PACKAGE, "slipway")):
        for top in _TOP:
            for file in _files(root / folder / top):
                yield f"{prefix}/{file.relative_to(root / folder)}", file


def tag(root: Path, image: Image, base: str) -> str:
    """Return the tag of an image over `base` (what the base image is made of): a digest of all that goes into it."""
    digest = hashlib.sha256(repr((base, image.packages, image.prepare)).encode())
    for name, file in context_files(root, image):
        mode = "x" if file.stat().st_mode & 0o100 else "-"
        digest.update(f"\n{name} {mode} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()[:_TAG_LENGTH]


def _of_location(repository: Repository, location: CodeLocation) -> Image:
    name = location.name.replace("_", "-")
    project = location.path.relative_to(repository.root)
    packages = ("/build/slipway", ".")
    return Image(name, project, packages, shlex.join(location.prepare), location.extras)


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.name in _LEFT_OUT or path.name.startswith(".") or path.suffix == ".pyc":
            continue
        yield from _files(path)
