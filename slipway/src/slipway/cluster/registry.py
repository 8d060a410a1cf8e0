"""The local registry: images are pushed to localhost:5001, and the cluster's nodes pull from it under that very name.

A container of upstream's registry image, or of one made of Debian's docker-registry. Layers stay in a volume when the cluster
is deleted. How nodes find it: https://kind.sigs.k8s.io/docs/user/local-registry/.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from slipway.cache import cache_folder, locked
from slipway.cluster import REGISTRY, REGISTRY_ADDRESS, archives, debian
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.repository import Repository

VOLUME = REGISTRY
NETWORK = "kind"
CONFIGURATION = Path("docker/kind-registry/config.yml")
OWN_IMAGE = "slipway/registry"
_PORT = 5000
_USER = 65532
# The same server twice: after a mirror that has not the image, containerd asks `server`, by default the node's own localhost,
# and tells of that only. `server` alone has no effect (containerd 1.6).
_HOSTS = f"""# {REGISTRY_ADDRESS} is the registry on the machine; a node reaches it by the container's name.
server = "http://{REGISTRY}:{_PORT}"
[host."http://{REGISTRY}:{_PORT}"]
"""


def upstream_reference(repository: Repository) -> str:
    """Return upstream's image, for where a registry can be reached."""
    return f"registry:{repository.versions['REGISTRY_VERSION']}"


def ensure(engine: Engine, repository: Repository, say: Callable[[str], None], *, own: bool) -> None:
    """Have the registry run: created, started, or left as it is.

    `own` says whether its image is made here, from Debian's package.

    Raises:
        ClusterError: it can't be started, for example because something else listens at its port.
    """
    state = engine.state_of(REGISTRY)
    if state == "running":
        return
    if state:
        say("starting")
        engine.run("start", REGISTRY)
        return
    image = _own_image(engine, repository, say) if own else upstream_reference(repository)
    say("starting")
    port = REGISTRY_ADDRESS.partition(":")[2]
    # Not to be reached from other machines; nothing but the volume can be written.
    limits = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", f"--user={_USER}:{_USER}")
    done = engine.run(
        *("run", "--detach", "--restart=unless-stopped", "--name", REGISTRY),
        *(f"--publish=127.0.0.1:{port}:{_PORT}", f"--volume={VOLUME}:/var/lib/registry"),
        # Upstream's image does not delete by default, see `collect_garbage`.
        "--env=REGISTRY_STORAGE_DELETE_ENABLED=true",
        *(limits if own else ()),
        image,
        check=False,
    )
    if done.returncode:
        engine.run("rm", "--force", REGISTRY, check=False)
        raise ClusterError(
            f"The registry can't be started: {done.stderr.strip()}",
            f"If something else listens at {REGISTRY_ADDRESS}, stop it: `ss -ltnp 'sport = :{port}'` names it.",
        )


def introduce(engine: Engine, nodes: Sequence[str]) -> None:
    """Let `nodes` (containers) pull from the registry as localhost:5001; the cluster's network must be there.

    Raises:
        ClusterError: a container could not be reached.
    """
    networks = engine.run("inspect", "--format", "{{json .NetworkSettings.Networks}}", REGISTRY).stdout
    if f'"{NETWORK}"' not in networks:
        engine.run("network", "connect", NETWORK, REGISTRY)
    folder = f"/etc/containerd/certs.d/{REGISTRY_ADDRESS}"
    for node in nodes:
        write = f"mkdir -p '{folder}' && cat >'{folder}/hosts.toml'"
        engine.run("exec", "--interactive", node, "sh", "-c", write, stdin=_HOSTS)


def advertisement() -> str:
    """Return the ConfigMap in which tools look for a cluster's local registry (KEP 1755)."""
    return f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: local-registry-hosting
  namespace: kube-public
data:
  localRegistryHosting.v1: |
    host: "{REGISTRY_ADDRESS}"
    help: "docs/kind.md"
"""


def remove(engine: Engine, *, layers: bool) -> None:
    """Delete the registry's container, and with `layers` all that was pushed to it."""
    engine.run("rm", "--force", REGISTRY, check=False)
    if layers:
        engine.run("volume", "rm", "--force", VOLUME, check=False)


def quiet() -> AbstractContextManager[None]:
    """Wait until nobody pushes with `slipway`, and let nobody do so while the block runs."""
    return locked(cache_folder() / "registry-pushes")


def collect_garbage(engine: Engine) -> None:
    """Delete the layers that no image needs, in `quiet` only: a layer whose image is still to come is one of them.

    https://distribution.github.io/distribution/about/garbage-collection/

    Raises:
        ClusterError: it failed.
    """
    image = engine.run("container", "inspect", "--format", "{{.Config.Image}}", REGISTRY).stdout
    own = image.startswith(OWN_IMAGE)
    program = "docker-registry" if own else "registry"
    engine.run("exec", REGISTRY, program, "garbage-collect", "/etc/docker/registry/config.yml")
    if not own:
        # Upstream's keeps in memory which layers it has, and would not take again what it has just deleted.
        engine.run("restart", REGISTRY)


def _own_image(engine: Engine, repository: Repository, say: Callable[[str], None]) -> str:
    packages = debian.archive(("docker-registry",), say, variant="extract")
    configuration = (repository.root / CONFIGURATION).read_bytes()
    reference = f"{OWN_IMAGE}:{packages.stem.rpartition('-')[2]}"
    if engine.has_image(reference):
        return reference

    def wanted(path: str) -> bool:
        return path == "usr/bin/docker-registry" or path.startswith("lib")

    image = archives.Image(
        reference,
        (
            archives.part_of(packages, wanted),
            archives.files({"etc/docker/registry/config.yml": configuration}, 0o644),
            archives.folder("var/lib/registry", _USER),
        ),
        entrypoint=("/usr/bin/docker-registry", "serve", "/etc/docker/registry/config.yml"),
        user=f"{_USER}:{_USER}",
        volumes=("/var/lib/registry",),
    )
    target = cache_folder() / "debian" / "registry-image.tar"
    archives.write_image(image, target)
    engine.run("load", "--input", str(target))
    target.unlink()
    return reference
