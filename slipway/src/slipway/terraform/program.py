"""The terraform program: found, checked, and told where its providers are.

Terraform takes providers from its registry unless its command-line configuration says otherwise. Where somebody has written
one (`~/.terraformrc`, or the file that TF_CLI_CONFIG_FILE names) that holds. Else, if a folder of this machine has the AWS
provider, laid out as Terraform lays out mirrors (https://developer.hashicorp.com/terraform/cli/config/config-file), it is
taken from there, and every other provider from where it would come from anyway.

Does not belong here: installing either; a registry's address.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.cache import cache_folder, locked
from slipway.errors import indented
from slipway.terraform.errors import TerraformError, TerraformMissingError

PROGRAM_VARIABLE = "SLIPWAY_TERRAFORM"
PLUGINS_VARIABLE = "SLIPWAY_TERRAFORM_PLUGINS"
CONFIGURATION_VARIABLE = "TF_CLI_CONFIG_FILE"
PROVIDER = "registry.terraform.io/hashicorp/aws"
# Terraform's own places for them on Linux, and one where machine images put them.
_PLUGIN_FOLDERS = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
)
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Terraform:
    """The program, and what it finds its providers by.

    Attributes:
        program: its path.
        environment: variables that go on top of the process's own.
        plugins: the folder that the AWS provider is taken from; None if Terraform finds it by itself.
    """

    program: Path
    environment: Mapping[str, str]
    plugins: Path | None = None

    def call(
        self, folder: Path, *arguments: str, given: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it in `folder` and return what it said, whatever its exit code.

        `given` goes to its standard input; `variables` are of this call's environment alone.
        """
        return subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env={**os.environ, **self.environment, **variables},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def outputs(self, folder: Path) -> dict[str, Any]:
        """Return what `terraform output -json` prints in `folder`: by output, its `value`, `type` and `sensitive`.

        Raises:
            TerraformError: the folder is not initialised, its state can't be reached, or it has no outputs.
        """
        done = self.call(folder, "output", "-json", "-no-color")
        if done.returncode:
            raise TerraformError(
                f"`terraform output` fails in {folder}:\n{indented(done.stderr or done.stdout)}",
                f"`terraform -chdir={folder} init -backend-config=backend.hcl`, with credentials that may read its state "
                "(docs/aws.md).",
            )
        found: dict[str, Any] = json.loads(done.stdout)
        if not found:
            raise TerraformError(
                f"{folder} has no outputs: nothing was applied.",
                f"`terraform -chdir={folder} apply` (docs/aws.md).",
            )
        return found


def find_terraform(versions: Mapping[str, str]) -> Terraform:
    """Return Terraform in the version of versions.env or a newer one of the same major version.

    Args:
        versions: what versions.env says.

    Raises:
        TerraformMissingError: there is none, or it is too old.
        TerraformError: the folder of plug-ins that a setting names lacks the provider.
    """
    wanted = versions["TERRAFORM_VERSION"]
    program = os.environ.get(PROGRAM_VARIABLE) or shutil.which("terraform")
    if not program:
        raise TerraformMissingError(
            "There is no terraform on this machine.",
            f"Install Terraform {wanted} or newer; {PROGRAM_VARIABLE} names it where it is not on PATH.",
        )
    found = _version_of(program)
    if not _fits(found, wanted):
        raise TerraformMissingError(
            f"{program} is Terraform {found}, and versions.env wants {wanted} or newer of the same major version.",
            f"Install it beside the other one, and name it in {PROGRAM_VARIABLE}.",
        )
    plugins = None if _own_configuration() else _plugins(versions["AWS_PROVIDER_VERSION"])
    # Asks a server of HashiCorp's for newer versions otherwise.
    fixed = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    if plugins:
        fixed[CONFIGURATION_VARIABLE] = str(_configuration(plugins))
    elif not _own_configuration():
        # One that names a file which is not there is warned of in each call.
        fixed[CONFIGURATION_VARIABLE] = ""
    return Terraform(Path(program), fixed, plugins)


def _version_of(program: str) -> str:
    try:
        done = subprocess.run(
            [program, "version", "-json"],
            env={**os.environ, "CHECKPOINT_DISABLE": "1", CONFIGURATION_VARIABLE: os.devnull},
            capture_output=True,
            text=True,
            check=True,
        )
        return str(json.loads(done.stdout)["terraform_version"])
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError) as error:
        raise TerraformMissingError(
            f"{program} is no Terraform that says its version: {error}",
            f"Correct {PROGRAM_VARIABLE}, or PATH.",
        ) from None


def _fits(found: str, wanted: str) -> bool:
    here, least = _numbers(found), _numbers(wanted)
    return here[0] == least[0] and here >= least


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _own_configuration() -> Path | None:
    named = os.environ.get(CONFIGURATION_VARIABLE)
    file = Path(named) if named else Path.home() / ".terraformrc"
    return file if file.is_file() else None


def _plugins(version: str) -> Path | None:
    machine = _MACHINES.get(platform.machine(), platform.machine())
    below = f"{PROVIDER}/{version}/{platform.system().lower()}_{machine}"
    if chosen := os.environ.get(PLUGINS_VARIABLE):
        if not (Path(chosen) / below).is_dir():
            raise TerraformError(
                f"{PLUGINS_VARIABLE}={chosen} has no folder {below}.",
                "It is the folder above `registry.terraform.io`; unset it to take the provider from the registry.",
            )
        return Path(chosen).resolve()
    for folder in _PLUGIN_FOLDERS:
        if (Path(folder).expanduser() / below).is_dir():
            return Path(folder).expanduser()
    return None


def _configuration(plugins: Path) -> Path:
    """Return a command-line configuration by which the AWS provider comes from `plugins`."""
    text = (
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path    = {json.dumps(str(plugins))}\n    include = ["{PROVIDER}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{PROVIDER}"]\n  }}\n'
        "}\ndisable_checkpoint = true\n"
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    file = cache_folder() / f"terraform-{digest}.rc"
    with locked(file):
        if not file.is_file():
            making = file.with_suffix(".making")
            making.write_text(text)
            making.replace(file)
    return file
