"""What `slipway deploy`, `diff` and `bundle` begin with: an environment's releases, and where their images and charts come from.

That is this checkout and machine, or a bundle. Does not belong here: commands.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slipway.cluster.engine import find_engine
from slipway.cluster.tools import find_tools
from slipway.deploy import bundle as bundles
from slipway.deploy import charts, images
from slipway.deploy.bundle import Bundle
from slipway.deploy.deployment import Deployment, connection
from slipway.deploy.releases import Release, read_releases
from slipway.environment import Environment
from slipway.images.build import Builder, push
from slipway.progress import Say, Steps
from slipway.repository import Repository


@dataclass(frozen=True)
class Plan:
    """A deployment that can be carried out.

    Attributes:
        deployment: it.
        push: gives the environment's registry the images of some releases.
    """

    deployment: Deployment
    push: Callable[[Sequence[Release], Say], None]

    def wanted(self, names: Sequence[str] | None) -> tuple[Release, ...]:
        """Return the releases of these names, by default all of the environment, in the order of their deployment.

        Raises:
            DeployError: there is none of a name.
        """
        releases, environment = self.deployment.releases, self.deployment.environment
        if names:
            for name in names:
                releases.release(name, environment)
        return tuple(each for each in releases.of(environment) if not names or each.name in names)


@contextmanager
def opened(
    repository: Repository, env: Environment, steps: Steps, bundle: Path | None = None
) -> Iterator[Plan]:
    """Yield the plan of an environment: from `bundle` if there is one, else from this checkout, whose images are built.

    Raises:
        UserError: the list of releases, a tool, the official chart or the bundle is missing or can't be used.
    """
    if bundle is None:
        yield from_checkout(repository, env, steps)[0]
        return
    with ExitStack() as stack:
        with steps.step("the bundle") as say:
            found = stack.enter_context(bundles.opened(bundle, say))
            say(f"of commit {found.revision[:12] or 'unknown'}, with {len(found.tags)} images")
        yield _from_bundle(repository, env, found)


def from_checkout(repository: Repository, env: Environment, steps: Steps) -> tuple[Plan, Builder]:
    """Return the plan of an environment whose images are built from the checkout, and what builds them.

    Raises:
        UserError: as of `opened`.
    """
    releases = read_releases(repository.root)
    target = releases.target(env)
    tools = find_tools(repository, steps)
    charts.fetch(tools.helm, repository.versions["DAGSTER_VERSION"])
    with steps.step("base image") as say:
        builder = images.builder_of(repository, tools.engine, say)
        say(builder.base.reference)
    deployment = Deployment(
        repository.root,
        env,
        releases,
        images.tags(repository, builder),
        *connection(target, tools.kubectl, tools.helm),
    )
    return Plan(deployment, partial(images.ensure, repository, builder, target.registry)), builder


def _from_bundle(repository: Repository, env: Environment, bundle: Bundle) -> Plan:
    releases = read_releases(repository.root)
    target = releases.target(env)
    engine = find_engine()

    def push_bundled(wanted: Sequence[Release], say: Say) -> None:
        names = {image for release in wanted for image in release.images.values()}
        for reference in bundle.load_images(engine, target.registry, names, say):
            push(engine, reference, say)

    deployment = Deployment(
        repository.root,
        env,
        releases,
        bundle.tags,
        *connection(target, bundle.program("kubectl"), bundle.program("helm")),
        bundle=bundle,
    )
    return Plan(deployment, push_bundled)
