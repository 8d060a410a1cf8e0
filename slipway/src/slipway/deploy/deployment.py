"""Deploying: every release of an environment in order, each upgraded only if that changes something, and what follows a failure.

Does not belong here: how a release is rendered (`slipway.deploy.helm`) and the proof afterwards (`verification`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.deploy import charts, diagnosis, external_secrets, schemas, secrets
from slipway.deploy.bundle import Bundle
from slipway.deploy.difference import Key, changes, summary
from slipway.deploy.errors import DeployError
from slipway.deploy.helm import DEPLOYED, Helm, Target
from slipway.deploy.kubectl import Cluster, Document
from slipway.deploy.releases import Release, Releases, image_settings, values_files, values_of
from slipway.deploy.targets import Target as Environment
from slipway.progress import Say, Steps

# Pods of every release have to satisfy it; Kubernetes refuses those that don't.
POD_SECURITY = "restricted"


@dataclass(frozen=True)
class Deployment:
    """An environment, and what is about to be deployed to it.

    Attributes:
        root: the checkout.
        environment: its name.
        releases: the list of `charts-values/releases.yaml`.
        tags: the tag of every image that the releases use, by image.
        cluster: the environment's namespace.
        helm: helm for the same namespace.
        bundle: what the charts are taken from, in place of the checkout and this machine.
    """

    root: Path
    environment: str
    releases: Releases
    tags: Mapping[str, str]
    cluster: Cluster
    helm: Helm
    bundle: Bundle | None = None

    def target(self, release: Release) -> Target:
        """Return what helm is told of a release.

        Raises:
            DeployError: a values file or the official chart is missing, or an image has not been built.
        """
        registry = self.releases.target(self.environment).registry
        places = (self.bundle.folder, self.bundle.charts) if self.bundle else (self.root, None)
        return Target(
            release.name,
            charts.find(places[0], release.chart, places[1]),
            values_files(self.root, release, self.environment),
            image_settings(release, registry, self.tags),
        )

    def differences(self, release: Release) -> dict[Key, str]:
        """Return what an upgrade of a release would change, object by object.

        Raises:
            DeployError: the values don't fit, or the cluster can't be reached.
        """
        target = self.target(release)
        if release.is_official:
            schemas.require_fit(release.name, target.chart, values_of(self.root, release, self.environment))
        after = self.helm.render(target, charts.options(release.chart))
        return changes(self.helm.manifest(release.name), after)


def connection(target: Environment, kubectl: Path, helm: Path) -> tuple[Cluster, Helm]:
    """Return both programs, each for the cluster and namespace of an environment."""
    return Cluster(kubectl, target.context, target.namespace), Helm(helm, target.context, target.namespace)


def prepare_namespace(deployment: Deployment, say: Say) -> list[str]:
    """Make the namespace and what has to be there before any release; return the names of the Secrets that were made.

    Raises:
        DeployError: a Secret is missing where none may be made, or the cluster refuses.
    """
    cluster, releases = deployment.cluster, deployment.releases
    target, wanted = releases.target(deployment.environment), releases.secrets_of(deployment.environment)
    cluster.apply(_namespace(cluster.namespace))
    if target.generate_secrets:
        return secrets.generate(cluster, wanted)
    made = []
    if (store := target.external_secrets) and isinstance(store.entries, Mapping):
        known = {name: store.entries[name].entry for name in wanted if name in store.entries}
        made = external_secrets.request(cluster, store.region, known, say)
    secrets.require_all(cluster, wanted)
    return made


def deploy(deployment: Deployment, wanted: Sequence[Release], steps: Steps) -> list[str]:
    """Bring the `wanted` releases up to date, one after the other; return the names of those that changed.

    Raises:
        DeployError: a release failed. It was brought back to its last good revision, if it has one; those after it were
            not touched. The message says what its pods said.
    """
    changed = []
    for release in wanted:
        with steps.step(release.name) as say:
            if _deploy_one(deployment, release, say):
                changed.append(release.name)
    return changed


def _deploy_one(deployment: Deployment, release: Release, say: Say) -> bool:
    recovered = deployment.helm.recover(release.name)
    if recovered:
        say(f"the last call left it {recovered}")
    found = deployment.differences(release)
    if not found and deployment.helm.status(release.name) == DEPLOYED:
        say(summary(()))
        return False
    said = summary(found.values())
    say(said)
    try:
        deployment.helm.upgrade(
            deployment.target(release),
            release.seconds,
            charts.options(release.chart),
            _watcher(deployment.cluster, release.name, lambda news: say(f"{said}; {news}")),
        )
    except DeployError as error:
        raise _explained(deployment, release, error) from None
    say(said)
    return True


def _watcher(cluster: Cluster, release: str, say: Say) -> Callable[[], str | None]:
    def watch() -> str | None:
        pods = diagnosis.pods_of(cluster, release)
        say(diagnosis.progress(pods))
        return diagnosis.hopeless(pods)

    return watch


def _explained(deployment: Deployment, release: Release, error: DeployError) -> DeployError:
    """Return the error with what the pods said; brings the release back first."""
    said = diagnosis.unready(deployment.cluster, release.name)
    back = deployment.helm.rollback(release.name)
    hint = (
        f"{release.name} was brought back to its last good revision, which went on serving."
        if back
        else f"{release.name} has no earlier revision; correct the cause and deploy again."
    )
    return DeployError("\n\n".join(filter(None, [str(error), said])), hint)


def _namespace(name: str) -> Document:
    labels = {f"pod-security.kubernetes.io/{mode}": POD_SECURITY for mode in ("enforce", "warn", "audit")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
