"""What is deployed where: the environments and the releases in their order, as `charts-values/releases.yaml` lists them.

Reads and checks that file; asks no cluster. Does not belong here: the values themselves, and finding the official charts
(`slipway.deploy.charts`).
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from slipway.cache import cache_folder
from slipway.deploy.errors import DeployError
from slipway.deploy.targets import GENERATED, Closed, Target, completed, target_file
from slipway.deploy.values import composed, merged

VALUES = Path("charts-values")
LIST = VALUES / "releases.yaml"
LOCAL_CHARTS = "helm/"
_PLACE = "{environment}"


class Demo(Closed):
    """A database that a location's demo command fills, as its owner."""

    url: str = Field(description="its URL; {password} stands for the password")
    secret: str = Field(description="the Secret that holds the owner's password")
    key: str = "password"


class Release(Closed):
    """A Helm release."""

    name: str
    chart: str = Field(description="helm/<chart> of this repository, or the name of an official chart")
    values: tuple[str, ...] = Field(
        description="values files below charts-values, the later go first; {environment} stands for its name. "
        "A file of an environment may be missing: then it has no differences."
    )
    images: Mapping[str, str] = Field(
        default_factory=dict,
        description="where in the values an image stands: its path, and the image's name",
    )
    outputs: Mapping[str, Any] = Field(
        default_factory=dict,
        description="values that come from outputs of Terraform, written as `{output}`, where an environment has it; "
        "they are in the file of `values` that is generated",
    )
    code_location: str | None = Field(
        default=None, description="the code location's Python name, if it is one"
    )
    demo: Demo | None = Field(default=None, description="the database of its demo, if it does not own it")
    environments: tuple[str, ...] | None = Field(default=None, description="all of them by default")
    seconds: int = Field(default=300, gt=0, description="until its pods have to be ready")

    @property
    def is_official(self) -> bool:
        """Whether the chart is one of Dagster's own."""
        return not self.chart.startswith(LOCAL_CHARTS)

    @property
    def generated(self) -> str | None:
        """The values file that its `outputs` are written to, if it has any."""
        return next((name for name in self.values if name.endswith(GENERATED)), None)

    @model_validator(mode="after")
    def _outputs_have_their_file(self) -> Self:
        if len([name for name in self.values if name.endswith(GENERATED)]) != bool(self.outputs):
            raise ValueError(f"one of `values` ends in {GENERATED} if there are `outputs`, and else none")
        return self


class Secret(Closed):
    """A Secret that releases refer to."""

    keys: tuple[str, ...]
    environments: tuple[str, ...] | None = Field(default=None, description="all of them by default")


class CanaryRun(Closed):
    """A job that is launched after each deployment."""

    lane: str = Field(description="how its run is executed, for people")
    location: str
    job: str
    seconds: int = Field(default=180, gt=0)
    warm: bool = Field(
        default=False, description="a warm worker has to take it, unless all of its places are taken"
    )


class Releases(Closed):
    """All of `charts-values/releases.yaml`."""

    environments: Mapping[str, Target]
    secrets: Mapping[str, Secret] = Field(description="Secrets that the releases refer to")
    releases: tuple[Release, ...]
    canaries: tuple[CanaryRun, ...] = ()

    def of(self, environment: str) -> tuple[Release, ...]:
        """Return the releases of an environment in the order of their deployment."""
        return tuple(
            release
            for release in self.releases
            if release.environments is None or environment in release.environments
        )

    def secrets_of(self, environment: str) -> dict[str, tuple[str, ...]]:
        """Return the keys of each Secret that an environment needs, by the Secret's name."""
        return {
            name: secret.keys
            for name, secret in self.secrets.items()
            if secret.environments is None or environment in secret.environments
        }

    def target(self, environment: str) -> Target:
        """Return where an environment is.

        Raises:
            DeployError: there is none of that name, or what its Terraform knows of it has not been written yet.
        """
        target = self.written(environment)
        if target.by_outputs:
            raise DeployError(
                f"{VALUES / target_file(environment)} is missing: which cluster {environment} is, its Terraform knows.",
                f"`make values ENV={environment}` writes it (docs/aws.md).",
            )
        return target

    def written(self, environment: str) -> Target:
        """Return an environment as it stands in the list, also where its outputs have not been written yet.

        Raises:
            DeployError: there is none of that name.
        """
        if environment not in self.environments:
            known = ", ".join(self.environments)
            raise DeployError(f"{LIST} has no environment {environment!r}.", f"It has: {known}.")
        return self.environments[environment]

    def release(self, name: str, environment: str) -> Release:
        """Return a release of an environment by its name.

        Raises:
            DeployError: the environment has none of that name.
        """
        for release in self.of(environment):
            if release.name == name:
                return release
        known = ", ".join(release.name for release in self.of(environment))
        raise DeployError(f"{environment} has no release {name!r}.", f"It has: {known}.")


def read_releases(root: Path) -> Releases:
    """Read the list of the checkout at `root`.

    Raises:
        DeployError: it is missing, is no YAML, or says something that it can't say; the message names where.
    """
    file = root / LIST
    try:
        return Releases.model_validate(completed(root / VALUES, yaml.safe_load(file.read_text())))
    except FileNotFoundError:
        raise DeployError(f"{file} is missing.", "It lists what is deployed.") from None
    except yaml.YAMLError as error:
        raise DeployError(f"{file} is not valid YAML: {error}") from None
    except ValidationError as error:
        said = "\n".join(f"    {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise DeployError(f"{file} can't be used:\n{said}") from None


def values_files(root: Path, release: Release, environment: str) -> tuple[Path, ...]:
    """Return the values files that helm takes for a release in an environment; the later go first.

    Those of a code location are composed to one (`slipway.deploy.values`), which is written into the user's cache.

    Raises:
        DeployError: a file that is not of an environment is missing, or can't be composed.
    """
    files = source_files(root, release, environment)
    if not release.code_location:
        return files
    text = yaml.safe_dump(composed(files), sort_keys=False)
    folder = cache_folder() / "values"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{release.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.yaml"
    # Whole at once: another call may be writing the same.
    written = target.with_suffix(f".{os.getpid()}")
    written.write_text(text)
    written.replace(target)
    return (target,)


def values_of(root: Path, release: Release, environment: str) -> dict[str, Any]:
    """Return a release's values in an environment, less the images, as Helm merges the files.

    Raises:
        DeployError: as of `values_files`.
    """
    result: dict[str, Any] = {}
    for file in values_files(root, release, environment):
        result = merged(result, yaml.safe_load(file.read_text()) or {})
    return result


def source_files(root: Path, release: Release, environment: str) -> tuple[Path, ...]:
    """Return the files below charts-values that a release's values come from; the later go first.

    Raises:
        DeployError: a file is missing that is not of an environment, or that was generated together with others.
    """
    found = []
    for name in release.values:
        path = root / VALUES / name.replace(_PLACE, environment)
        if path.is_file():
            found.append(path)
        elif _PLACE not in name:
            raise DeployError(f"{path} is missing; {LIST} names it for the release {release.name}.")
        elif name == release.generated and (root / VALUES / target_file(environment)).is_file():
            raise DeployError(
                f"{path} is missing.", f"`make values ENV={environment}` writes it (docs/aws.md)."
            )
    return tuple(found)


def image_settings(release: Release, registry: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the `path=value` pairs that put the images of `tags` (image name: tag) into a release's values.

    Raises:
        DeployError: the tag of an image that the release uses is not known.
    """
    pairs = []
    for path, image in release.images.items():
        if image not in tags:
            raise DeployError(
                f"The release {release.name} needs the image {image}, which has not been built.",
                "`make images` builds all of them.",
            )
        pairs += [f"{path}.repository={registry}/slipway/{image}", f"{path}.tag={tags[image]}"]
    return tuple(pairs)
