"""The engine's images and its build cache."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from slipway.cluster.engine import Engine
from slipway.images.pruning.choice import REFERENCE, Tagged, Used, noted

# Images of ours say it; one without a name was replaced by another of the same name.
_MARK = "SLIPWAY_REVISION="
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def tags(engine: Engine) -> list[Tagged]:
    """Return the tags of ours that the engine has.

    Raises:
        ClusterError: the engine does not answer.
    """
    listed = engine.run("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    ours = [reference for reference in listed if REFERENCE.fullmatch(reference)]
    return [
        Tagged(reference, found["Id"], found["Size"], max(noted(reference), seconds(found["Created"])))
        for found in {each["Id"]: each for each in _inspected(engine, ours)}.values()
        for reference in found["RepoTags"]
        if REFERENCE.fullmatch(reference)
    ]


def unnamed(engine: Engine) -> list[Tagged]:
    """Return images of ours that no name leads to any more."""
    listed = engine.run("images", "--filter", "dangling=true", "--quiet", "--no-trunc").stdout.split()
    found = _inspected(engine, sorted(set(listed)))
    return [
        Tagged(each["Id"], each["Id"], each["Size"], 0)
        for each in found
        if any(variable.startswith(_MARK) for variable in each["Config"]["Env"] or ())
    ]


def used(engine: Engine) -> Used:
    """Return the images of all containers, running or not."""
    listed = engine.run("ps", "--all", "--format", "{{.Image}}").stdout.split()
    return Used(frozenset(listed))


def remove(engine: Engine, images: Sequence[Tagged]) -> list[str]:
    """Remove images; return what the engine said of those that it keeps."""
    kept = []
    for each in images:
        done = engine.run("rmi", each.reference, check=False)
        if done.returncode:
            kept.append(done.stderr.strip())
    return kept


def trim_cache(engine: Engine, most: int) -> None:
    """Remove of the build cache what was not used for longest, until it has at most `most` bytes.

    Raises:
        ClusterError: the engine refuses.
    """
    engine.run("builder", "prune", "--all", "--force", "--keep-storage", str(most))


def usage(engine: Engine) -> dict[str, int]:
    """Return the bytes of "Images" and "Build Cache", each layer once."""
    lines = engine.run("system", "df", "--format", "{{json .}}").stdout.splitlines()
    return {each["Type"]: in_bytes(each["Size"]) for each in map(json.loads, lines)}


def volume_usage(engine: Engine, volume: str) -> int:
    """Return the bytes of a volume; 0 if there is none."""
    volumes = json.loads(engine.run("system", "df", "--verbose", "--format", "{{json .Volumes}}").stdout)
    return next((in_bytes(each["Size"]) for each in volumes or () if each["Name"] == volume), 0)


def in_bytes(size: str) -> int:
    """Return what docker means by "4.259GB"."""
    found = re.fullmatch(r"([\d.]+)([kMGT]?B)", size)
    return int(float(found.group(1)) * _UNITS[found.group(2)]) if found else 0


def seconds(created: str) -> float:
    """Return an image's time, ISO 8601 with nanoseconds, since the epoch; an image without any is of year 1: 0."""
    whole = datetime.fromisoformat(re.sub(r"\.\d+", "", created))
    return max(0.0, whole.timestamp())


def _inspected(engine: Engine, references: Sequence[str]) -> list[dict[str, Any]]:
    # One that somebody has removed since it was listed is left out, with a complaint.
    return (
        list(json.loads(engine.run("image", "inspect", *references, check=False).stdout or "[]"))
        if references
        else []
    )
