"""A bundle: all that a deployment takes from elsewhere, in one archive, for clusters that reach nothing outside.

In a tar archive, below one folder:

    bundle.json        revision of the checkout, version of the official chart, the tag of each image
    images.tar.gz      the images, as `slipway/<name>:<tag>` (`slipway.images.archive`)
    charts/dagster/    the official chart, unchanged
    helm/              our charts
    bin/<platform>/    helm and kubectl
    SHA256SUMS         of every file above, as `sha256sum --check` reads it

Values and code come from the checkout of whoever deploys. Does not belong here: the deployment.
"""

import hashlib
import json
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.cluster.engine import Engine
from slipway.deploy import charts
from slipway.deploy.errors import DeployError
from slipway.images import archive
from slipway.images.build import PREFIX

Say = Callable[[str], None]
_SUMS = "SHA256SUMS"
_FACTS = "bundle.json"
_IMAGES = "images.tar.gz"
_OURS = "helm"
_AGAIN = "It was damaged or changed on its way: copy it again, or make it anew with `make bundle`."


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle whose files are what its list says.

    Attributes:
        folder: where it is; the charts of this repository are at the same place in it as in a checkout.
        revision: the commit that it was made from, empty if from no git checkout.
        tags: the tag of every image in it, by image.
    """

    folder: Path
    revision: str
    tags: Mapping[str, str]

    @property
    def charts(self) -> Path:
        """The folder with the official chart in it."""
        return self.folder / "charts"

    def program(self, name: str) -> Path:
        """Return the path of helm or kubectl.

        Raises:
            DeployError: they are for machines of another kind.
        """
        folder = self.folder / "bin" / _platform()
        if not folder.is_dir():
            has = ", ".join(each.name for each in self.folder.glob("bin/*"))
            raise DeployError(f"The bundle has programs for {has}, and this machine is {_platform()}.")
        return folder / name

    def load_images(self, engine: Engine, registry: str, wanted: Collection[str], say: Say) -> list[str]:
        """Give the engine the images, named for `registry`; return the full names of those that are `wanted`.

        An engine that has all that are wanted is left alone.

        Raises:
            DeployError: the bundle lacks one that is wanted.
            ImageError: they can't be loaded.
        """
        if lacking := sorted(set(wanted) - set(self.tags)):
            raise DeployError(
                f"The bundle has no image {', '.join(lacking)}.", "It has those of its releases."
            )
        names = {image: _name(image, tag) for image, tag in self.tags.items()}
        if not all(engine.has_image(f"{registry}/{names[image]}") for image in wanted):
            full = {name: f"{registry}/{name}" for name in names.values()}
            archive.load(engine, full, self.folder / _IMAGES, say)
        return [f"{registry}/{names[image]}" for image in sorted(wanted)]


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle.

    Attributes:
        root: the checkout.
        revision: its commit.
        programs: those to take along.
        images: the full names of its images by the images' names; the engine has them.
    """

    root: Path
    revision: str
    programs: Sequence[Path]
    images: Mapping[str, str]


def write(contents: Contents, engine: Engine, target: Path, say: Say) -> None:
    """Write the archive `target`, whole or not at all.

    Raises:
        ChartMissingError: the official chart is in none of its places.
        ImageError: the engine lacks an image.
        DeployError: the file can't be written.
    """
    making = target.with_name(f".{target.name}.making")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=target.parent) as within:
            folder = Path(within, target.name.removesuffix(".tar"))
            folder.mkdir()
            _lay_out(contents, engine, folder, say)
            say("writing the archive")
            with tarfile.open(making, "w") as packed:
                packed.add(folder, arcname=folder.name, filter=_anonymous)
        making.replace(target)
    except OSError as error:
        raise DeployError(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        making.unlink(missing_ok=True)


@contextmanager
def opened(path: Path, say: Say) -> Iterator[Bundle]:
    """Yield the bundle in `path`, an archive or a folder that was unpacked from one, once every file was checked.

    An archive is unpacked into the machine's folder for temporary files ($TMPDIR), and is gone from there afterwards.

    Raises:
        DeployError: there is none, or a file is missing, differs from the list, or is not on it.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-bundle-") as within:
        folder = path if path.is_dir() else _unpacked(path, Path(within), say)
        say("checking every file")
        _require_sums(path, folder)
        facts = json.loads((folder / _FACTS).read_text())
        yield Bundle(folder, facts["revision"], facts["images"])


def _lay_out(contents: Contents, engine: Engine, folder: Path, say: Say) -> None:
    tags = {image: reference.rpartition(":")[2] for image, reference in contents.images.items()}
    names = {_name(image, tags[image]): reference for image, reference in contents.images.items()}
    archive.save(engine, names, folder / _IMAGES, say)
    official = charts.find(contents.root, charts.CONTROL_PLANE)
    shutil.copytree(official, folder / "charts" / charts.CONTROL_PLANE)
    shutil.copytree(contents.root / _OURS, folder / _OURS)
    programs = folder / "bin" / _platform()
    programs.mkdir(parents=True)
    for program in contents.programs:
        shutil.copy2(program, programs / program.name)
    facts = {"revision": contents.revision, "chart": charts.version(official), "images": tags}
    (folder / _FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    say("checksums")
    sums = "".join(f"{_digest(folder / name)}  {name}\n" for name in _files(folder))
    (folder / _SUMS).write_text(sums)


def _unpacked(path: Path, within: Path, say: Say) -> Path:
    say("unpacking")
    try:
        with tarfile.open(path) as packed:
            packed.extractall(within, filter="data")
    except FileNotFoundError:
        raise DeployError(f"There is no bundle {path}.", "`make bundle ENV=…` writes one.") from None
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DeployError(f"The bundle {path} can't be unpacked: {error}", _AGAIN) from None
    folders = list(within.iterdir())
    if len(folders) != 1:
        raise DeployError(f"{path} is no bundle: it has {len(folders)} folders at its top.", _AGAIN)
    return folders[0]


def _require_sums(path: Path, folder: Path) -> None:
    if not (folder / _SUMS).is_file():
        raise DeployError(f"{path} has no {_SUMS}: it is no bundle, or only a part of one.", _AGAIN)
    lines = (folder / _SUMS).read_text().splitlines()
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = set(_files(folder))
    wrong = [f"{name} is missing" for name in sorted(wanted.keys() - found)]
    wrong += [f"{name} is not on its list" for name in sorted(found - wanted.keys())]
    wrong += [
        f"{name} is not what its list says"
        for name in sorted(found & wanted.keys())
        if _digest(folder / name) != wanted[name]
    ]
    if wrong:
        raise DeployError(f"The bundle {path} can't be used: {'; '.join(wrong[:5])}.", _AGAIN)


def _files(folder: Path) -> list[str]:
    every = (each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())
    return sorted(name for name in every if name != _SUMS)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Say nothing of who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _name(image: str, tag: str) -> str:
    return f"{PREFIX}/{image}:{tag}"


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()
