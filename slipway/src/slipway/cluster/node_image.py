"""The image of the cluster's nodes: kind's own where a registry can be reached, else one that is built here.

Ours (docker/kind-node) is made of Debian's packages and the programs of tools/go. Its tag carries a digest of everything
that goes into it, so a changed recipe is another image, and an image that is there is never built again.
"""

import hashlib
import os
import re
import select
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.cache import cache_folder, locked, scratch
from slipway.cluster import archives, debian, node_contents, programs
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.cluster.machine import follow
from slipway.progress import Steps
from slipway.repository import Repository

RECIPE = Path("docker/kind-node")
OWN = "slipway/kind-node"
IMAGE_VARIABLE = "SLIPWAY_KIND_IMAGE"
# How long a registry may take to name the image's manifest.
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class NodeImage:
    """The image that nodes run, and why that one.

    Attributes:
        reference: its name.
        own: whether it is ours; then there is no resolver for names outside the cluster.
        reason: why, for people.
    """

    reference: str
    own: bool
    reason: str


def choose(engine: Engine, repository: Repository, say: Callable[[str], None]) -> NodeImage:
    """Return the image for a new cluster: `$SLIPWAY_KIND_IMAGE` ("own", "upstream" or a reference), else found out.

    kind's own is pulled, if it isn't there; ours is not built yet.

    Raises:
        ClusterError: "upstream" was asked for and can't be pulled.
    """
    upstream, own = upstream_reference(repository), own_reference(repository)
    chosen = os.environ.get(IMAGE_VARIABLE, "")
    if chosen and chosen not in {"own", "upstream"}:
        return NodeImage(chosen, own=chosen.startswith(OWN), reason=f"{IMAGE_VARIABLE} names it")
    if chosen == "own":
        return NodeImage(own, own=True, reason=f"{IMAGE_VARIABLE}=own")
    if engine.has_image(upstream):
        return NodeImage(upstream, own=False, reason="the engine has it")
    if not chosen and engine.has_image(own):
        return NodeImage(own, own=True, reason="the engine has it")
    say("looking for a registry")
    complaint = _pull(engine, upstream, say)
    if not complaint:
        return NodeImage(upstream, own=False, reason="pulled from its registry")
    if chosen:
        raise ClusterError(f"{upstream} can't be pulled: {complaint}", f"Unset {IMAGE_VARIABLE}.")
    return NodeImage(own, own=True, reason=f"no registry ({complaint})")


def upstream_reference(repository: Repository) -> str:
    """Return the node image that kind's release publishes, pinned by its digest."""
    versions = repository.versions
    return f"kindest/node:v{versions['KIND_NODE_VERSION']}@sha256:{versions['KIND_NODE_DIGEST']}"


def own_reference(repository: Repository) -> str:
    """Return the name of our image for the checkout's recipe."""
    digest = hashlib.sha256()
    here = Path(__file__)
    recipe = repository.root / RECIPE
    for file in [
        *sorted(each for each in recipe.rglob("*") if each.is_file()),
        *(here.with_name(name) for name in ("node_contents.py", "archives.py")),
    ]:
        digest.update(f"{file.name}\0{file.stat().st_mode & 0o111}\0".encode() + file.read_bytes())
    for program in sorted(node_contents.all_programs()):
        digest.update(str(programs.path(program, repository).relative_to(cache_folder())).encode())
    return f"{OWN}:v{repository.versions['KUBERNETES_VERSION']}-{digest.hexdigest()[:8]}"


def ensure_own(engine: Engine, repository: Repository, steps: Steps) -> None:
    """Build our image, if the engine doesn't have it: programs, packages, and what the node's containerd has in store.

    Raises:
        BuildError: a program could not be compiled.
        ClusterError: packages or the image could not be made.
    """
    reference = own_reference(repository)
    if engine.has_image(reference):
        return
    with steps.step("The node's programs") as say:
        programs.find_all(node_contents.all_programs(), repository, say)
    with steps.step("The node's Debian packages") as say:
        packages = debian.packages_in(repository.root / RECIPE / "packages.txt")
        base = debian.archive(packages, say, variant="minbase")
        small = debian.archive(node_contents.SMALL, say, variant="extract")
    context = cache_folder() / "node-image"
    with steps.step("The node image") as say, locked(context), scratch(context):
        _lay_out(context, base, small, repository, say)
        say("building")
        follow(
            [str(engine.client), "build", "--progress=plain", "--tag", reference, str(context)],
            say,
            title="The node image could not be built",
            environment=engine.environment(),
            interesting=_build_step,
        )
    _remove_older(engine, reference)


def _remove_older(engine: Engine, reference: str) -> None:
    """Delete the images of other recipes, a gigabyte each, but those that a cluster runs on."""
    listed = engine.run("images", "--format", "{{.Repository}}:{{.Tag}}", OWN).stdout.split()
    for older in set(listed) - {reference}:
        # Refused where a container has it.
        engine.run("rmi", older, check=False)


def _lay_out(
    context: Path, base: Path, small: Path, repository: Repository, say: Callable[[str], None]
) -> None:
    recipe, versions = repository.root / RECIPE, repository.versions
    for name in ("Dockerfile", "bake"):
        shutil.copy2(recipe / name, context)
    shutil.copytree(recipe / "rootfs", context / "rootfs")
    settings = context / "rootfs/etc/containerd/config.toml"
    settings.write_text(settings.read_text().replace("@PAUSE_VERSION@", versions["PAUSE_VERSION"]))
    (context / "rootfs/kind/version").write_text(f"v{versions['KUBERNETES_VERSION']}\n")
    shutil.copy(base, context / "base.tar")
    (context / "programs").mkdir()
    for name in node_contents.ON_THE_NODE:
        shutil.copy2(programs.path(name, repository), context / "programs")
    (context / "images").mkdir()
    stored = node_contents.images(small, repository)
    _check_references([image.reference for image in stored], repository)
    for image in stored:
        say(f"writing {image.reference}")
        archives.write_image(
            image, context / "images" / f"{re.sub(r'[^a-z0-9.-]', '_', image.reference)}.tar"
        )


def _check_references(stored: list[str], repository: Repository) -> None:
    """Compare what is stored with what kubeadm will ask for; a new Kubernetes may want another etcd or CoreDNS."""
    kubeadm = programs.path("kubeadm", repository)
    version = f"v{repository.versions['KUBERNETES_VERSION']}"
    asked = subprocess.run(
        [str(kubeadm), "config", "images", "list", "--kubernetes-version", version],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    if missing := sorted(set(asked) - set(stored)):
        raise ClusterError(
            f"kubeadm asks for {', '.join(missing)}, which the node image would not have.",
            "Bring versions.env in line with it, and run tools/go-tidy.",
        )


def _build_step(line: str) -> str:
    found = re.match(r"#\d+ \[.*?(\d+/\d+)\] (\w+)", line)
    return f"building, step {found[1]} ({found[2]})" if found else ""


def _pull(engine: Engine, reference: str, say: Callable[[str], None]) -> str:
    """Pull `reference`; return what was wrong, or nothing."""
    command = [str(engine.client), "pull", reference]
    with subprocess.Popen(
        command, env=engine.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as pulling:
        # A registry that can't be reached may keep the client waiting for minutes, before its first line.
        outputs = [output for output in (pulling.stdout, pulling.stderr) if output]
        if not select.select(outputs, [], [], PATIENCE_SECONDS)[0]:
            pulling.terminate()
            return f"no answer within {PATIENCE_SECONDS} s"
        for line in pulling.stdout or ():
            say(f"pulling {reference.partition('@')[0]}: {line.strip()}")
        complaint = (pulling.stderr.read() if pulling.stderr else "").strip()
    return (complaint.splitlines() or ["docker pull failed"])[-1][:200] if pulling.returncode else ""
