"""The environments of `charts-values/releases.yaml`: where each is, and what of that Terraform knows.

Does not belong here: the releases (`slipway.deploy.releases`), and writing what is generated (`slipway.deploy.generated`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

GENERATED = ".generated.yaml"
"""How the name of a values file ends that `make values` writes."""


class Closed(BaseModel):
    """A part of the list: it says nothing that is not known, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Closed):
    """An entry of a store of secrets, and the key of the Secret that it becomes."""

    entry: str
    key: str
    generated: bool = Field(default=True, description="Terraform put a password in; else somebody has to")


class ExternalSecrets(Closed):
    """Where External Secrets takes the environment's Secrets from: AWS Secrets Manager."""

    region: str
    entries: Mapping[str, Entry] | str = Field(description="by the Secret's name")


class Target(Closed):
    """An environment: which cluster, which namespace, whose images, where its Secrets come from.

    What is written as `{output}` comes from the outputs of its Terraform.
    """

    context: str = Field(description="context of the kubeconfig; never the current one")
    namespace: str
    registry: str = Field(description="where images are pushed to and pulled from, host[:port][/path]")
    generate_secrets: bool = Field(
        default=False, description="make missing Secrets at random: only where no store of secrets exists"
    )

    external_secrets: ExternalSecrets | None = Field(
        default=None, description="have External Secrets copy Secrets from the cloud's store"
    )
    demo: bool = Field(default=False, description="load the demo's data after the first deployment")

    @property
    def by_outputs(self) -> dict[str, Any]:
        """The settings that outputs of Terraform stand in."""
        return {name: value for name, value in self.model_dump().items() if _has_place(value)}


def target_file(environment: str) -> Path:
    """Return the file, below charts-values, with what the outputs of an environment's Terraform say of where it is."""
    return Path(f"environment-{environment}{GENERATED}")


def completed(root: Path, content: Any) -> Any:
    """Return the list with what was generated of its environments below `root`, the folder charts-values."""
    if not isinstance(content, dict) or not isinstance(content.get("environments"), dict):
        return content
    environments = dict(content["environments"])
    for name, written in environments.items():
        known = root / target_file(name)
        if isinstance(written, dict) and known.is_file():
            environments[name] = {**written, **(yaml.safe_load(known.read_text()) or {})}
    return {**content, "environments": environments}


def _has_place(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_place, value.values()))
    return isinstance(value, str) and "{" in value
