"""The container engine's client: which one of those on PATH is used, and how it is called.

Does not belong here: installing or starting an engine (`slipway.cluster.engine_setup`).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.cluster.errors import ClusterError, EngineError
from slipway.errors import indented

ENGINE_VARIABLE = "SLIPWAY_DOCKER"
_WAY_OUT = (
    "Install Docker (https://docs.docker.com/engine/install) and see that `docker info` works for you, or, as root on "
    "Debian, let `make kind-up` do it."
)


@dataclass(frozen=True)
class Engine:
    """A docker client that reaches an engine and builds with BuildKit.

    Attributes:
        client: its path.
    """

    client: Path

    def environment(self) -> dict[str, str]:
        """The process's environment, in which `docker` is this client: kind starts it by that name."""
        path = f"{self.client.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        # BUILDX_BUILDER: a builder of the user's that runs in a container does not see the engine's images.
        return {**os.environ, "PATH": path, "DOCKER_BUILDKIT": "1", "BUILDX_BUILDER": "default"}

    def run(
        self, *arguments: str, check: bool = True, stdin: str | None = None, timeout: float | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run the client with `arguments`, its output captured as text.

        Raises:
            ClusterError: it failed and `check` is set; the message carries what it said.
            subprocess.TimeoutExpired: it took longer than `timeout` seconds.
        """
        done = subprocess.run(
            [str(self.client), *arguments],
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode:
            raise ClusterError(
                f"docker {' '.join(arguments[:3])} failed:\n{indented(done.stderr or done.stdout)}"
            )
        return done

    def has_image(self, reference: str) -> bool:
        """Whether the engine has the image `reference`."""
        return not self.run("image", "inspect", reference, check=False).returncode

    def state_of(self, container: str) -> str | None:
        """What the container does ("running", "exited", ...), or None if there is none of that name."""
        done = self.run("container", "inspect", "--format", "{{.State.Status}}", container, check=False)
        return None if done.returncode else done.stdout.strip()


def find_engine() -> Engine:
    """Return the client to use: `$SLIPWAY_DOCKER`, else the first `docker` on PATH that can do all that is needed.

    A machine may have several: one that lacks BuildKit (a lone client of version 23 or newer, without its buildx
    plugin) is passed over.

    Raises:
        EngineError: there is none, or none that reaches an engine; the message says for each what was wrong.
    """
    complaints = []
    for client in _clients(os.environ):
        complaint = _complaint(client)
        if not complaint:
            return Engine(client)
        complaints.append(f"{client}: {complaint}")
    if not complaints:
        raise EngineError("There is no container engine: no `docker` on PATH.", _WAY_OUT)
    raise EngineError("No container engine can be used.\n" + indented("\n".join(complaints)), _WAY_OUT)


def _clients(environment: Mapping[str, str]) -> Iterator[Path]:
    if chosen := environment.get(ENGINE_VARIABLE):
        yield Path(chosen)
        return
    seen = set()
    for folder in environment.get("PATH", "").split(os.pathsep):
        found = shutil.which("docker", path=folder) if folder else None
        if found and Path(found).resolve() not in seen:
            seen.add(Path(found).resolve())
            yield Path(found)


def _complaint(client: Path) -> str:
    """Return why `client` can't be used, or nothing."""
    ask = [str(client), "info", "--format", "{{.ServerVersion}}"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=20)
    except OSError as error:
        return f"can't be started ({error.strerror})"
    except subprocess.TimeoutExpired:
        return "the engine does not answer within 20 s"
    if done.returncode or not done.stdout.strip():
        said = (done.stderr or done.stdout).strip().splitlines()
        return said[-1] if said else "reaches no engine"
    return "" if _builds_with_buildkit(client) else "has neither BuildKit nor the buildx plugin"


def _builds_with_buildkit(client: Path) -> bool:
    # `docker build --secret` is there with BuildKit only, which every client up to 22 has inside.
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    buildx = subprocess.run([str(client), "buildx", "version"], capture_output=True, check=False)
    if not buildx.returncode:
        return True
    asked = subprocess.run(
        [str(client), "version", "--format", "{{.Client.Version}}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    major = asked.stdout.partition(".")[0]
    return major.isdigit() and int(major) < 23  # noqa: PLR2004
