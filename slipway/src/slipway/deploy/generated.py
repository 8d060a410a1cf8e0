"""Values files that come from the outputs of an environment's Terraform.

`charts-values/releases.yaml` says which output goes where: `{database.host}`, in a setting of an environment or in the `outputs`
of a release, stands for that output. A text that is nothing but one such place becomes what the output is, a list for
example. Does not belong here: asking Terraform (`slipway.terraform`).
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from slipway.deploy.errors import DeployError
from slipway.deploy.releases import LIST, VALUES, Release, Releases
from slipway.deploy.targets import Target, target_file

# `$(NAME)` of Kubernetes and `{{ }}` of Helm are no places.
_PLACE = re.compile(r"\{([a-z0-9_]+(?:\.[A-Za-z0-9_-]+)*)\}")
_WIDTH = 110


def outputs_of(printed: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """Return the values of what `terraform output -json` printed, less those that Terraform calls sensitive.

    Raises:
        DeployError: it is something else.
    """
    found = {}
    for name, output in printed.items():
        if not isinstance(output, dict) or "value" not in output:
            raise DeployError(
                f"What is given as the outputs of {environment} is not what `terraform output -json` prints: {name} "
                "has no `value`."
            )
        if not output.get("sensitive"):
            found[name] = output["value"]
    return found


def require_places(releases: Releases, environment: str) -> Target:
    """Return the environment as the list has it; something of it has to come from Terraform.

    Raises:
        DeployError: nothing does, or there is no such environment.
    """
    target = releases.written(environment)
    if not target.by_outputs:
        raise DeployError(
            f"{LIST} says all of {environment} itself: nothing of it comes from Terraform.",
            "Write `{output}` for what is to come from there.",
        )
    return target


def files(releases: Releases, environment: str, outputs: Mapping[str, Any]) -> dict[Path, str]:
    """Return the files that an environment's outputs become, by their paths below charts-values.

    Raises:
        DeployError: an output is missing, or the environment takes nothing from Terraform.
    """
    target = require_places(releases, environment)
    parts: dict[Path, tuple[str, Mapping[str, Any]]] = {
        target_file(environment): (f"environments.{environment}", target.by_outputs)
    }
    for release in releases.of(environment):
        if release.generated:
            name = Path(release.generated.replace("{environment}", environment))
            parts[name] = (f"outputs of {release.name}", release.outputs)
    missing = [
        f"{place} ({where}: {path})"
        for where, part in parts.values()
        for path, text in _leaves(part)
        for place in _PLACE.findall(text)
        if _value(outputs, place) is None
    ]
    if missing:
        raise DeployError(
            f"The Terraform of {environment} lacks outputs that {LIST} asks for:\n    "
            + "\n    ".join(missing),
            f"It has: {', '.join(sorted(outputs))}. Nothing was written.",
        )
    return {name: _head(environment) + _dumped(part, outputs) for name, (_, part) in parts.items()}


def write(root: Path, contents: Mapping[Path, str]) -> list[Path]:
    """Write the files below charts-values of the checkout at `root`; return those that are new or changed.

    A reader sees each of them old or new, and an error before the last one is complete leaves all as they were.

    Raises:
        DeployError: one can't be written.
    """
    changed = {
        root / VALUES / name: text
        for name, text in contents.items()
        if not (root / VALUES / name).is_file() or (root / VALUES / name).read_text() != text
    }
    making = {file: file.with_name(f".{file.name}.{os.getpid()}") for file in changed}
    try:
        for file, text in changed.items():
            making[file].write_text(text)
        for file, whole in making.items():
            whole.replace(file)
    except OSError as error:
        raise DeployError(
            f"{error.filename or root / VALUES} can't be written: {error.strerror or error}"
        ) from None
    finally:
        for whole in making.values():
            whole.unlink(missing_ok=True)
    return sorted(file.relative_to(root) for file in changed)


def overruled(root: Path, release: Release, environment: str) -> list[str]:
    """Return the values of a release's `outputs` that a values file which goes first says by itself.

    Raises:
        DeployError: such a file is no mapping.
    """
    if not release.generated:
        return []
    later = release.values[release.values.index(release.generated) + 1 :]
    said = []
    for name in later:
        file = root / VALUES / name.replace("{environment}", environment)
        content = yaml.safe_load(file.read_text()) if file.is_file() else {}
        own = {path for path, _ in _leaves(content or {})}
        said += [f"{VALUES / file.name}: {path}" for path, _ in _leaves(release.outputs) if path in own]
    return said


def _leaves(part: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _leaves(value, f"{path}[{index}]")
    else:
        yield path, str(part)


def _filled(part: Any, outputs: Mapping[str, Any]) -> Any:
    if isinstance(part, Mapping):
        return {key: _filled(value, outputs) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(each, outputs) for each in part]
    if not isinstance(part, str):
        return part
    if whole := _PLACE.fullmatch(part):
        return _value(outputs, whole[1])
    return _PLACE.sub(lambda place: str(_value(outputs, place[1])), part)


def _value(outputs: Mapping[str, Any], place: str) -> Any:
    found: Any = outputs
    for key in place.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def _dumped(part: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    return yaml.dump(_filled(part, outputs), Dumper=_Plain, sort_keys=False, width=_WIDTH)


class _Plain(yaml.SafeDumper):
    """Without anchors, and lists as yamllint wants them."""

    def ignore_aliases(self, _: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, *_: Any, **__: Any) -> None:
        super().increase_indent(flow, indentless=False)


def _head(environment: str) -> str:
    return (
        f"# Generated by `make values ENV={environment}` from the outputs of terraform/environments/{environment}. Don't edit:\n"
        f"# what goes here is said in {LIST}.\n"
    )
