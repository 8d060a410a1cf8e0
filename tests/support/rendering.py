"""What Helm makes of the releases of an environment, without a cluster: documents, containers, pod templates."""

import functools
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster import programs
from slipway.deploy import charts
from slipway.deploy.helm import Target
from slipway.deploy.releases import Release, image_settings, read_releases, values_files
from slipway.local.repository import find_root, read_repository

ROOT = find_root(Path(__file__))
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
    program = programs.path("helm", read_repository(ROOT))
    if not program.exists():
        pytest.skip("there is no helm on this machine; `uv run slipway tools` builds it")
    return program


def chart(release: Release) -> Path:
    """Return the folder of a release's chart, or skip the test where the official one isn't on this machine."""
    try:
        return charts.find(ROOT, release.chart)
    except charts.ChartMissingError as missing:
        pytest.skip(str(missing))


def target(release: Release, environment: str, files: Sequence[Path] | None = None) -> Target:
    """Return what `slipway deploy` tells Helm of a release; `files` instead of its values files."""
    tags = dict.fromkeys(release.images.values(), TAG)
    registry = RELEASES.target(environment).registry
    values = values_files(ROOT, release, environment) if files is None else tuple(files)
    return Target(release.name, chart(release), values, image_settings(release, registry, tags))


def template(release: Release, environment: str, files: Sequence[Path] | None = None) -> str:
    """Return the rendered release as YAML documents."""
    namespace = RELEASES.target(environment).namespace
    arguments = target(release, environment, files).arguments()
    done = subprocess.run(
        [helm(), "template", *arguments, "--namespace", namespace, *charts.options(release.chart)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, f"{release.name} in {environment}: {done.stderr}"
    return done.stdout


@functools.cache
def documents(environment: str, name: str) -> tuple[Document, ...]:
    """Return the objects of the release called `name`."""
    rendered = yaml.safe_load_all(template(RELEASES.release(name, environment), environment))
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
