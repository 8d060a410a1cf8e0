"""What Helm makes of the releases of an environment, without a cluster: documents, containers, pod templates."""

import atexit
import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster import programs
from slipway.deploy import charts, generated
from slipway.deploy.deployment import Deployment
from slipway.deploy.helm import Helm, Target
from slipway.deploy.kubectl import Cluster
from slipway.deploy.releases import VALUES, Release, read_releases
from slipway.repository import find_root, read_repository
from support import infrastructure

CHECKOUT = find_root(Path(__file__))


def _root() -> Path:
    """Return a copy of what is deployed, with what `make values` writes of outputs of Terraform.

    Environments whose files of it are in the checkout have those; others get them from recorded outputs.
    """
    folder = Path(tempfile.mkdtemp(prefix="slipway-rendering-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(CHECKOUT / VALUES, folder / VALUES)
    (folder / "helm").symlink_to(CHECKOUT / "helm")
    releases = read_releases(folder)
    for name in releases.environments:
        if releases.written(name).by_outputs:
            printed = json.loads((infrastructure.recorded(name)).read_text())
            generated.write(folder, generated.files(releases, name, generated.outputs_of(printed, name)))
    return folder


ROOT = _root()
RELEASES = read_releases(ROOT)
ENVIRONMENTS = tuple(RELEASES.environments)
EVERY_RELEASE = [(name, release) for name in ENVIRONMENTS for release in RELEASES.of(name)]
"""Every release in every environment that has it."""
TAG = "tag-of-a-test"

Document = dict[str, Any]


def identity(value: object) -> str:
    """Return a readable name of a test's parameter."""
    return value.name if isinstance(value, Release) else str(value)


def helm() -> Path:
    """Return the program, or skip the test where it has not been built."""
    program = programs.path("helm", read_repository(CHECKOUT))
    if not program.exists():
        pytest.skip("there is no helm on this machine; `uv run slipway tools` builds it")
    return program


def target(release: Release, environment: str, root: Path = ROOT) -> Target:
    """Return what `slipway deploy` of the checkout at `root` tells Helm of a release.

    Skips the test where the official chart isn't on this machine.
    """
    tags = dict.fromkeys((image for each in RELEASES.releases for image in each.images.values()), TAG)
    namespace = RELEASES.target(environment).namespace
    nowhere = Cluster(Path("kubectl"), "no-context", namespace), Helm(Path("helm"), "no-context", namespace)
    try:
        return Deployment(root, environment, RELEASES, tags, *nowhere).target(release)
    except charts.ChartMissingError as missing:
        pytest.skip(str(missing))


def attempt(release: Release, environment: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Render a release of the checkout at `root`, and return what Helm said."""
    arguments = target(release, environment, root).arguments()
    namespace = RELEASES.target(environment).namespace
    command = [helm(), "template", *arguments, "--namespace", namespace, *charts.options(release.chart)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def template(release: Release, environment: str) -> str:
    """Return the rendered release as YAML documents."""
    done = attempt(release, environment)
    assert not done.returncode, f"{release.name} in {environment}: {done.stderr}"
    return done.stdout


@functools.cache
def documents(environment: str, name: str) -> tuple[Document, ...]:
    """Return the objects of the release called `name`."""
    rendered = yaml.load_all(template(RELEASES.release(name, environment), environment), yaml.CSafeLoader)
    return tuple(document for document in rendered if document)


def everything(environment: str) -> Iterator[Document]:
    """Yield the objects of every release of an environment."""
    for release in RELEASES.of(environment):
        yield from documents(environment, release.name)


def find(environment: str, kind: str, name: str) -> Document:
    """Return an object of an environment."""
    found = [
        each for each in everything(environment) if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    assert len(found) == 1, f"{environment} has {len(found)} of {kind}/{name}"
    return found[0]


@dataclass(frozen=True)
class Pod:
    """A pod that a workload makes: the workload's kind and name, the pod's labels and spec."""

    owner: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them: those that start it up, too."""
        return [*(self.spec.get("initContainers") or []), *self.spec["containers"]]


def pods(rendered: Iterator[Document]) -> Iterator[Pod]:
    """Yield the pods of the workloads among the `rendered` objects."""
    for document in rendered:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            owner = f"{document['kind']}/{document['metadata']['name']}"
            labels = spec["template"].get("metadata", {}).get("labels", {})
            yield Pod(owner, labels, spec["template"]["spec"])
