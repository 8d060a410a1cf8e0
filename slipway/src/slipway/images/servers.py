"""Images of servers that clusters without managed ones get: Postgres and the S3 server.

Postgres is upstream's image where a registry can be reached, else Debian's package; the S3 server is compiled
(`slipway.local.binaries`) and put on the base of all images. The chart `helm/backing` brings the commands: both kinds work.

Does not belong here: images of Python projects (`slipway.images.recipe`).
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from slipway.cluster import debian
from slipway.images.base import SUITE, UPSTREAM
from slipway.images.build import PREFIX, Builder
from slipway.local import binaries
from slipway.local.repository import Repository

POSTGRES = "postgres"
S3 = "s3"
SERVERS = (POSTGRES, S3)
_POSTGRES_PACKAGES = Path("docker/postgres/packages.txt")
_POSTGRES_PATH = "/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin"
Say = Callable[[str], None]


def tag(repository: Repository, builder: Builder, name: str) -> str:
    """Return the tag of a server's image on this machine."""
    if name == S3:
        return f"{repository.versions['VERSITYGW_VERSION']}-{builder.base.identity.rpartition('-')[2]}"
    if builder.base.reference == UPSTREAM:
        return repository.versions["POSTGRES_VERSION"]
    return debian.name(debian.packages_in(repository.root / _POSTGRES_PACKAGES), "essential", SUITE)


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
        upstream = f"postgres:{repository.versions['POSTGRES_VERSION']}"
        say(f"pulling {upstream}")
        builder.engine.run("pull", "--quiet", upstream)
        builder.engine.run("tag", upstream, reference)
    else:
        packages = debian.packages_in(repository.root / _POSTGRES_PACKAGES)
        archive = debian.archive(packages, say, variant="essential", suite=SUITE)
        say("importing Debian's packages")
        changes = (f"ENV PATH={_POSTGRES_PATH}", "ENV LANG=C.UTF-8", "USER 999:999")
        options = [part for change in changes for part in ("--change", change)]
        builder.engine.run("import", *options, str(archive), reference)
    return reference


def _s3(repository: Repository, builder: Builder, reference: str, say: Say) -> None:
    program = binaries.find_s3_server(repository.versions, say)
    with tempfile.TemporaryDirectory(prefix="slipway-image-") as folder:
        shutil.copy2(program, Path(folder, "versitygw"))
        recipe = repository.root / "docker/s3/Dockerfile"
        base = f"BASE={builder.base.reference}"
        builder.engine.run("build", "--file", str(recipe), "--build-arg", base, "--tag", reference, folder)
