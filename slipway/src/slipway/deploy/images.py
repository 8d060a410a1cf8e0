"""The images that releases use: built and pushed before a release refers to them.

Does not belong here: what goes into an image, and its tag (`slipway.images`).
"""

from collections.abc import Callable, Iterable
from functools import partial

from slipway.cluster.engine import Engine
from slipway.deploy.releases import Release
from slipway.images import base, recipe, servers
from slipway.images.build import Builder
from slipway.repository import Repository

Say = Callable[[str], None]


def builder_of(repository: Repository, engine: Engine, say: Say) -> Builder:
    """Return what builds the images of a checkout, on the base that this machine can have.

    Raises:
        ImageError: there is no base image, and none can be made.
    """
    return Builder(engine, repository.root, base.find(engine, repository.root, say))


def tags(repository: Repository, builder: Builder) -> dict[str, str]:
    """Return the tag of every image of the checkout, by image; builds nothing."""
    identity = builder.base.identity
    projects = {each.name: recipe.tag(repository.root, each, identity) for each in recipe.images(repository)}
    return projects | {name: servers.tag(repository, builder, name) for name in servers.SERVERS}


def ensure(
    repository: Repository, builder: Builder, registry: str, releases: Iterable[Release], say: Say
) -> None:
    """Build and push the images that `releases` use; what is there already takes a moment.

    Raises:
        ImageError: one can't be built or pushed.
    """
    for name in sorted({image for release in releases for image in release.images.values()}):
        reference = _build(repository, builder, registry, name, partial(_say_of, say, name))
        builder.push(reference, say)


def _build(repository: Repository, builder: Builder, registry: str, name: str, say: Say) -> str:
    if name in servers.SERVERS:
        return servers.build(repository, builder, name, registry, say)
    return builder.build(recipe.image(repository, name), registry, say)


def _say_of(say: Say, name: str, news: str) -> None:
    say(f"{name}: {news}")
