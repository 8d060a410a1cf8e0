"""`slipway values` and `slipway generate-values`: what helm gets, and the part of it that comes from Terraform.

Does not belong here: how values are merged (`slipway.deploy.releases`) or generated (`slipway.deploy.generated`).
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from slipway.commands.checkout import console
from slipway.commands.deploy import Where
from slipway.deploy import generated
from slipway.deploy.errors import DeployError
from slipway.deploy.releases import read_releases, values_of
from slipway.environment import Environment
from slipway.repository import find_root, read_repository
from slipway.terraform.program import find_terraform

INFRASTRUCTURE = Path("terraform/environments")


def values(
    release: Annotated[str, typer.Argument(help="The release.")],
    env: Where,
) -> None:
    """Print the values that helm gets for a release, less the images: for helm by hand, and to see which file wins."""
    root = find_root()
    releases = read_releases(root)
    releases.target(env)
    found = values_of(root, releases.release(release, env), env)
    typer.echo(yaml.safe_dump(found, sort_keys=False), nl=False)


def generate_values(
    env: Where,
    outputs: Annotated[
        Path | None,
        typer.Option(
            help="What `terraform output -json` printed; asked of terraform/environments/<env> by default."
        ),
    ] = None,
) -> None:
    """Write what an environment's values take from its Terraform: charts-values/*/*-<env>.generated.yaml, all or none."""
    root = find_root()
    releases = read_releases(root)
    generated.require_places(releases, env)
    found = generated.outputs_of(_read(outputs) if outputs else _ask(root, env), env)
    changed = generated.write(root, generated.files(releases, env, found))
    for file in changed:
        console.print(f"Wrote {file}")
    if not changed:
        console.print("Nothing changed.")
    for release in releases.of(env):
        for value in generated.overruled(root, release, env):
            console.print(f"[yellow]{value} goes before what Terraform says.[/yellow]")


def _ask(root: Path, env: Environment) -> dict[str, Any]:
    folder = root / INFRASTRUCTURE / env
    if not folder.is_dir():
        raise DeployError(f"There is no {INFRASTRUCTURE / env}.", "--outputs takes the outputs from a file.")
    return find_terraform(read_repository(root).versions).outputs(folder)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise DeployError(f"{file} can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise DeployError(f"{file} is no JSON: {error}", "`terraform output -json` writes it.") from None
    if not isinstance(content, dict):
        raise DeployError(f"{file} is not what `terraform output -json` prints.")
    return content
