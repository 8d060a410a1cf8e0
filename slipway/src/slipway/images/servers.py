"""Images of servers that clusters without managed ones get: Postgres, Redis and the S3 server.

Postgres and Redis are upstream's images where a registry can be reached, else Debian's packages; the S3 server is compiled
(`slipway.local.binaries`) and put on the base of all images. The chart `helm/backing` brings the commands: both kinds work.

Does not belong here: images of Python projects (`slipway.images.recipe`).
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from slipway.cluster import debian
from slipway.images.base import SUITE, UPSTREAM
from slipway.images.build import PREFIX, Builder
from slipway.images.pruning import choice
from slipway.local import binaries
from slipway.repository import Repository

POSTGRES = "postgres"
REDIS = "redis"
S3 = "s3"
SERVERS = (POSTGRES, REDIS, S3)
Say = Callable[[str], None]


def tag(repository: Repository, builder: Builder, name: str) -> str:
    """Return the tag of a server's image on this machine."""
    if name == S3:
        made_of = f"{repository.versions['VERSITYGW_VERSION']}-{builder.base.identity}"
    elif builder.base.reference == UPSTREAM:
        return _upstream_version(repository, name)
    else:
        made_of = debian.name(_packages(repository, name), "essential", SUITE)
    recipe = (repository.root / "docker" / name / "Dockerfile").read_bytes()
    return f"{made_of}-{hashlib.sha256(recipe).hexdigest()[:8]}"


def build(repository: Repository, builder: Builder, name: str, registry: str, say: Say) -> str:
    """Make the image of a server unless the engine has it, and return its full name.

    Raises:
        ClusterError: Debian's packages can't be brought together, or the engine refuses.
        BuildError: the S3 server can't be compiled.
    """
    reference = f"{registry}/{PREFIX}/{name}:{tag(repository, builder, name)}"
    if builder.engine.has_image(reference):
        say("is there")
    elif name == S3:
        _s3(repository, builder, reference, say)
    elif builder.base.reference == UPSTREAM:
        upstream = f"{name}:{_upstream_version(repository, name)}"
        say(f"pulling {upstream}")
        builder.engine.run("pull", "--quiet", upstream)
        builder.engine.run("tag", upstream, reference)
    else:
        archive = debian.archive(_packages(repository, name), say, variant="essential", suite=SUITE)
        say("importing Debian's packages")
        packed = f"{reference}-packages"
        builder.engine.run("import", str(archive), packed)
        _build_alone(builder, repository.root / "docker" / name / "Dockerfile", packed, reference)
        choice.note(packed)
    choice.note(reference)
    return reference


def _upstream_version(repository: Repository, name: str) -> str:
    return repository.versions[f"{name.upper()}_VERSION"]


def _packages(repository: Repository, name: str) -> list[str]:
    return debian.packages_in(repository.root / "docker" / name / "packages.txt")


def _s3(repository: Repository, builder: Builder, reference: str, say: Say) -> None:
    program = binaries.find_s3_server(repository.versions, say)
    recipe = repository.root / "docker/s3/Dockerfile"
    _build_alone(builder, recipe, builder.base.reference, reference, program)


def _build_alone(
    builder: Builder, recipe: Path, base: str, reference: str, program: Path | None = None
) -> None:
    """Build `recipe` over `base`, with nothing in its context but `program`."""
    with tempfile.TemporaryDirectory(prefix="slipway-image-") as folder:
        if program:
            shutil.copy2(program, Path(folder, "program"))
        arguments = ("--build-arg", f"BASE={base}", "--tag", reference)
        builder.engine.run("build", "--quiet", "--file", str(recipe), *arguments, folder)
