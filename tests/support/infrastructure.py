"""Copies of `terraform/` to work in, and Terraform for them; tests are skipped where it or its provider can't be had."""

import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from slipway.repository import find_root, read_repository
from slipway.terraform.errors import TerraformMissingError
from slipway.terraform.program import Terraform, find_terraform

CHECKOUT = find_root(Path(__file__))
CODE = CHECKOUT / "terraform"
FOLDERS = sorted(
    {
        file.parent.relative_to(CODE)
        for file in CODE.rglob("*.tf")
        if not {".terraform", "shared"} & set(file.parts)
    }
)
"""Every folder of terraform/ that holds a configuration; environments/shared holds files that each environment links to."""
_NO_PROVIDER = ("Failed to query available provider packages", "Failed to install provider")
NOT_FOR_CHARTS = ("policies", "role_sql")
_IGNORED = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan")


@functools.cache
def terraform() -> Terraform:
    """Return Terraform, or skip the test where there is none that will do."""
    try:
        return find_terraform(read_repository(CHECKOUT).versions)
    except TerraformMissingError as missing:
        pytest.skip(f"{missing} {missing.hint}")


def copied(target: Path) -> Path:
    """Copy terraform/ below `target`: Terraform writes beside what it reads."""
    return Path(shutil.copytree(CODE, target / "terraform", ignore=_IGNORED))


def initialise(folder: Path) -> None:
    """Initialise a configuration without a backend, or skip the test where no place has its provider."""
    done = terraform().call(folder, "init", "-backend=false", "-no-color")
    if done.returncode and any(each in done.stderr for each in _NO_PROVIDER) and not terraform().plugins:
        pytest.skip(
            "Terraform's AWS provider is in no folder of this machine, and its registry can't be reached"
        )
    succeeded(done)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a call of Terraform printed; it has to have succeeded."""
    assert not done.returncode, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def recorded(environment: str) -> Path:
    """Return the file with what `terraform output -json` prints of an environment; the charts are rendered with it."""
    return CHECKOUT / f"tests/terraform/outputs-{environment}.json"


def same_as_recorded(environment: str, printed: dict[str, Any], *, update: bool) -> bool:
    """Compare outputs with the recorded ones, or record them; those for people and for tests of policies are left out."""
    found = {
        name: {"sensitive": output["sensitive"], "value": output["value"]}
        for name, output in printed.items()
        if name not in NOT_FOR_CHARTS
    }
    file = recorded(environment)
    if update:
        file.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    assert found == json.loads(file.read_text()), f"`--update-outputs` writes {file.name} anew"
    return True
