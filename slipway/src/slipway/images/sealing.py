"""Gives an image that was built the time of its sources, so that building the same sources again makes the same digest.

BuildKit does so itself since 0.11, told by SOURCE_DATE_EPOCH; older engines (Debian's docker.io 20.10) write the time of the
build into the image's configuration. The layers are alike already (docker/project/slim.py): only the configuration is put in
again, and the engine takes the layers from what it has.

Does not belong here: what the layers hold.
"""

import hashlib
import io
import json
import subprocess
import tarfile
from datetime import UTC, datetime
from typing import Any

from slipway.cluster.engine import Engine


def seal(engine: Engine, reference: str, seconds: int) -> bool:
    """Give image `reference` the time `seconds` (since 1970); return whether it has it.

    An engine that keeps images in containerd's store refuses a configuration without its layers: there the image stays as
    BuildKit made it.
    """
    time = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    created = engine.run("image", "inspect", "--format", "{{.Created}}", reference).stdout.strip()
    if created == time:
        return True
    configuration, layers = _saved(engine, reference)
    content = json.dumps(sealed(configuration, time), separators=(",", ":"), sort_keys=True).encode()
    archive = _archive(content, reference, layers)
    command = [str(engine.client), "load", "--quiet"]
    done = subprocess.run(command, input=archive, env=engine.environment(), capture_output=True, check=False)
    return not done.returncode


def sealed(configuration: dict[str, Any], time: str) -> dict[str, Any]:
    """Return an image's configuration (OCI image-spec, config.md) with `time` for every time in it that is later."""
    history = [
        {**entry, "created": min(entry.get("created", time), time)} for entry in configuration["history"]
    ]
    return {**configuration, "created": time, "history": history}


def _saved(engine: Engine, reference: str) -> tuple[dict[str, Any], list[str]]:
    """The image's configuration, and the names that its layers have in an archive."""
    small: dict[str, bytes] = {}
    command = [str(engine.client), "save", reference]
    with (
        subprocess.Popen(command, env=engine.environment(), stdout=subprocess.PIPE) as saving,
        tarfile.open(fileobj=saving.stdout, mode="r|") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".json") else None
            if content:
                small[member.name] = content.read()
    manifest = json.loads(small["manifest.json"])[0]
    return json.loads(small[manifest["Config"]]), manifest["Layers"]


def _archive(configuration: bytes, reference: str, layers: list[str]) -> bytes:
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": layers}]).encode()
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for member, content in ((name, configuration), ("manifest.json", manifest)):
            header = tarfile.TarInfo(member)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return target.getvalue()
