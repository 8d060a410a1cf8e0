"""Building an image and pushing it, through the container engine.

Does not belong here: what goes into it (`slipway.images.recipe`).
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.cache import cache_folder, locked
from slipway.cluster import registry as local_registry
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.cluster.machine import follow
from slipway.images import recipe
from slipway.images.base import Base
from slipway.images.errors import ImageError
from slipway.images.provenance import Provenance, provenance
from slipway.images.pruning import choice
from slipway.images.recipe import Image
from slipway.images.sealing import seal

PREFIX = "slipway"
# A bundle of certificates of the machine's own, by the variables that name one; the first counts.
_CERTIFICATES = ("SLIPWAY_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
# The machine's package index, if it has its own: uv's variables, and the proxies on the way there.
_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Builder:
    """Builds images of one checkout.

    Attributes:
        engine: the container engine.
        root: the checkout.
        base: what all images stand on.
    """

    engine: Engine
    root: Path
    base: Base

    def reference(self, image: Image, registry: str) -> str:
        """Return an image's full name: `<registry>/slipway/<name>:<tag>`."""
        return f"{registry}/{PREFIX}/{image.name}:{recipe.tag(self.root, image, self.base.identity)}"

    def build(self, image: Image, registry: str, say: Say, *, afresh: bool = False) -> str:
        """Build an image unless the engine has it, and return its full name; `afresh` builds it anyway, from nothing.

        Of two calls for the same image the second waits, and finds it there.

        Raises:
            ImageError: it can't be built; the message carries the end of what the engine said.
        """
        with locked(cache_folder() / f"image-{image.name}"):
            reference = self._build(image, registry, say, afresh=afresh)
        choice.note(reference)
        return reference

    def _build(self, image: Image, registry: str, say: Say, *, afresh: bool) -> str:
        reference = self.reference(image, registry)
        if self.engine.has_image(reference) and not afresh:
            say("is there")
            return reference
        made = provenance(self.root, image.project)
        with _context(self.root, image) as context, lent_secrets() as secrets:
            arguments = self._arguments(image, made)
            command = [str(self.engine.client), "build", "--progress=plain", "--tag", reference]
            command += ["--no-cache"] if afresh else []
            command += [part for pair in arguments.items() for part in ("--build-arg", "=".join(pair))]
            try:
                follow(
                    [*command, *secrets, str(context)],
                    say,
                    title=f"The image {image.name} could not be built",
                    environment=self.engine.environment(),
                    interesting=_news,
                )
            except ClusterError as error:
                raise ImageError(str(error)) from None
        if not seal(self.engine, reference, made.seconds):
            say("the engine keeps the time of the build in it: another build has another digest")
        return reference

    def _arguments(self, image: Image, made: Provenance) -> Mapping[str, str]:
        return {
            "BASE": self.base.reference,
            "PROJECT": str(image.project),
            "PACKAGES": " ".join(image.packages),
            "PREPARE": image.prepare,
            "EXTRAS": " ".join(f"--extra={name}" for name in image.extras),
            "TITLE": image.name,
            "REVISION": made.revision,
            "VERSION": made.version,
            "SOURCE": made.source,
            "CREATED": made.created,
            "SOURCE_DATE_EPOCH": str(made.seconds),
        }


def push(engine: Engine, reference: str, say: Say) -> None:
    """Push an image that the engine has to the registry that its name says.

    Raises:
        ImageError: the registry can't be reached, or refuses.
    """
    say(f"pushing {reference}")
    with local_registry.quiet():
        done = engine.run("push", "--quiet", reference, check=False)
    if done.returncode:
        raise ImageError(
            f"{reference} can't be pushed: {done.stderr.strip()}",
            "`make kind-up` starts the registry of the kind cluster; for another one, log in to it.",
        )


@contextmanager
def _context(root: Path, image: Image) -> Iterator[Path]:
    """Lay out the build's context: only what goes into the tag, and uv."""
    with tempfile.TemporaryDirectory(prefix="slipway-image-") as folder:
        context = Path(folder)
        for name, file in recipe.context_files(root, image):
            target = context / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            target.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
        shutil.copy2(uv(), context / "uv")
        yield context


def uv() -> str:
    """Return the path of uv, which installs inside the build.

    Raises:
        ImageError: there is none.
    """
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise ImageError("uv was not found.", "Use `make images`, which brings it along.")
    return found


@contextmanager
def lent_secrets() -> Iterator[list[str]]:
    """Lend the arguments that give the build the machine's certificates and package index, in no layer."""
    with tempfile.TemporaryDirectory(prefix="slipway-secrets-") as folder:
        index = Path(folder, "index")
        index.touch(mode=0o600)
        index.write_text("".join(f"export {name}={_quoted(value)}\n" for name, value in _settings()))
        arguments = ["--secret", f"id=index,src={index}"]
        if bundle := next((os.environ[name] for name in _CERTIFICATES if os.environ.get(name)), None):
            arguments += ["--secret", f"id=ca,src={Path(bundle).resolve()}"]
        yield arguments


def _settings() -> Iterator[tuple[str, str]]:
    for name in (*_INDEX, *_PROXIES):
        if value := os.environ.get(name):
            yield name, value


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _news(line: str) -> str:
    """What a line of the engine's plain progress says, or nothing."""
    _, _, said = line.strip().partition(" ")
    return said.partition("]")[0].lstrip("[") if said.startswith("[") else ""
