"""Image archives written without an engine: the format of `docker save`, which `docker load` and `ctr images import` read.

For images of one or two programs, and files taken out of an archive of Debian packages. The same input gives the same bytes.
The format: https://github.com/moby/docker-image-spec (manifest.json, a configuration, a tar archive per layer).
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from slipway.cluster.machine import architecture

Layer = Callable[[tarfile.TarFile], None]
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What an image holds.

    Attributes:
        reference: its full name with a tag, as containerd spells it ("docker.io/slipway/busybox:node").
        layers: write the members of a layer each, lowest first.
        entrypoint: the program that a container starts, and its first arguments.
        user: numeric user and group, "" for root.
        volumes: folders that containers get a volume for.
    """

    reference: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    volumes: tuple[str, ...] = field(default=())


def files(contents: Mapping[str, Path | bytes], mode: int = 0o755) -> Layer:
    """A layer with each file of `contents`, by its path in the image without the first slash."""

    def write(archive: tarfile.TarFile) -> None:
        for name, content in sorted(contents.items()):
            with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as source:
                size = source.seek(0, io.SEEK_END)
                source.seek(0)
                member = tarfile.TarInfo(name)
                member.mode, member.size = mode, size
                archive.addfile(member, source)

    return write


def links(names: Mapping[str, str]) -> Layer:
    """A layer of symbolic links: from each name to its target."""

    def write(archive: tarfile.TarFile) -> None:
        for name, target in sorted(names.items()):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)

    return write


def folder(name: str, owner: int) -> Layer:
    """A layer of one folder that the user `owner` may write."""

    def write(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o750, owner, owner
        archive.addfile(member)

    return write


def part_of(source: Path, wanted: Callable[[str], bool]) -> Layer:
    """A layer of those members of the archive `source` whose path is `wanted` (given without "./")."""

    def write(archive: tarfile.TarFile) -> None:
        with tarfile.open(source) as packages:
            for member in packages:
                member.name = member.name.removeprefix("./")
                if member.name and not member.ischr() and wanted(member.name):
                    member.mtime, member.pax_headers = 0, {}
                    archive.addfile(member, packages.extractfile(member) if member.isreg() else None)

    return write


def write_image(image: Image, target: Path) -> None:
    """Write the archive of `image` to `target`."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        names, digests = [], []
        for layer in image.layers:
            with tempfile.TemporaryFile(dir=target.parent) as written:
                with closing(tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT)) as content:
                    layer(content)
                digest = _digest_of(written)
                digests.append(f"sha256:{digest}")
                names.append(f"{digest}.tar")
                member = tarfile.TarInfo(names[-1])
                member.size = written.seek(0, io.SEEK_END)
                written.seek(0)
                archive.addfile(member, written)
        configuration = _configuration(image, digests)
        name = f"{hashlib.sha256(configuration).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": [image.reference], "Layers": names}]
        files({name: configuration, "manifest.json": json.dumps(manifest).encode()}, 0o644)(archive)


def _digest_of(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _configuration(image: Image, digests: list[str]) -> bytes:
    settings = {
        "Env": [f"PATH={PATH}"],
        "Entrypoint": list(image.entrypoint),
        "User": image.user,
        "Volumes": {path: {} for path in image.volumes},
    }
    whole = {
        "architecture": architecture(),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": digests},
    }
    return json.dumps(whole, sort_keys=True).encode()
