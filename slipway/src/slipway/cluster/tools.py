"""What every part that works with the cluster asks for: kind, helm, kubectl and the container engine's client.

Does not belong here: how each is found or built (`programs`, `engine`).
"""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.cache import cache_folder, locked, made_whole
from slipway.cluster import programs
from slipway.cluster.engine import Engine, find_engine
from slipway.progress import Steps
from slipway.repository import Repository

PROGRAMS = ("kind", "helm", "kubectl")


@dataclass(frozen=True)
class Tools:
    """Programs to work with the cluster.

    Attributes:
        kind: path of kind.
        helm: path of helm.
        kubectl: path of kubectl.
    """

    kind: Path
    helm: Path
    kubectl: Path

    @property
    def engine(self) -> Engine:
        """The container engine's client.

        Raises:
            ClusterError: there is none that can be used.
        """
        return find_engine()


def find_tools(repository: Repository, steps: Steps) -> Tools:
    """Return the tools, compiled when missing (a few minutes, once for each version), shown as a step of `steps`.

    Raises:
        BuildError: one could not be compiled.
    """
    paths = {name: programs.path(name, repository) for name in PROGRAMS}
    if not all(path.exists() for path in paths.values()):
        with steps.step("kind, helm and kubectl") as say:
            programs.find_all(PROGRAMS, repository, say)
    return Tools(**paths)


def exports(tools: Tools, engine: Engine | None) -> Sequence[str]:
    """Return the lines that a shell evaluates to have the tools, and the engine's client, by their names.

    One folder goes on PATH, of links: the client's own folder may hold programs that shadow the user's.
    """
    targets = {program.name: program for program in (tools.kind, tools.helm, tools.kubectl)}
    if engine:
        targets["docker"] = engine.client
    digest = hashlib.sha256(repr(sorted(targets.items())).encode()).hexdigest()[:8]
    folder = cache_folder() / "tools" / digest
    with locked(folder):
        if not folder.exists():
            with made_whole(folder) as making:
                for name, target in targets.items():
                    (making / name).symlink_to(target)
    return [f"export PATH={shlex.quote(str(folder))}:$PATH"]
