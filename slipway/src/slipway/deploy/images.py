"""The images that releases use: built and pushed before a release refers to them.

Does not belong here: what goes into an image, and its tag (`slipway.images`).
"""

from collections.abc import Callable, Iterable
from functools import partial

from slipway.cluster.engine import Engine
from slipway.deploy.releases import Release
from slipway.images import base, recipe, servers
from slipway.images.build import Builder, push
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
    for reference in build_all(repository, builder, registry, releases, say).values():
        push(builder.engine, reference, say)


def build_all(
    repository: Repository, builder: Builder, registry: str, releases: Iterable[Release], say: Say
) -> dict[str, str]:
    """Build the images that `releases` use, unless the engine has them; return their full names by the images' names.

    Raises:
        ImageError: one can't be built.
    """
    names = sorted({image for release in releases for image in release.images.values()})
    return {name: _build(repository, builder, registry, name, partial(_say_of, say, name)) for name in names}


def _build(repository: Repository, builder: Builder, registry: str, name: str, say: Say) -> str:
    if name in servers.SERVERS:
        return servers.build(repository, builder, name, registry, say)
    return builder.build(recipe.image(repository, name), registry, say)


def _say_of(say: Say, name: str, news: str) -> None:
    say(f"{name}: {news}")
