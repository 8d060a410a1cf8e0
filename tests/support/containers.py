"""Containers of the project's images for tests, run the way that a restricted pod runs them."""

import subprocess
from pathlib import Path

from rich.console import Console

from slipway.cluster import REGISTRY_ADDRESS
from slipway.cluster.engine import Engine, find_engine
from slipway.images import base, recipe
from slipway.images.build import Builder
from slipway.progress import Steps
from slipway.repository import Repository, find_root, read_repository

ROOT = find_root(Path(__file__))
DAGSTER_HOME = "/opt/dagster/dagster_home"
# A user that the image does not know, no capability, nothing to write to but two mounts.
RESTRICTED = (
    *("--read-only", "--user=1000:1000", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    "--tmpfs=/tmp:rw,mode=1777",
)


class Images:
    """The checkout's images, each built when a test first asks for it."""

    def __init__(self) -> None:
        self.engine: Engine = find_engine()
        self.repository: Repository = read_repository(ROOT)
        with Steps(Console(quiet=True)).step("base") as say:
            self.builder = Builder(self.engine, ROOT, base.find(self.engine, ROOT, say))

    def reference(self, name: str, *, afresh: bool = False) -> str:
        image = recipe.image(self.repository, name)
        return self.builder.build(image, REGISTRY_ADDRESS, lambda _: None, afresh=afresh)

    def run(self, name: str, *command: str, home: Path, environment: dict[str, str] | None = None) -> str:
        """Output of `command` in a restricted container, whose $DAGSTER_HOME is `home`."""
        home.chmod(0o777)
        variables = [f"--env={key}={value}" for key, value in (environment or {}).items()]
        mount = f"--volume={home}:{DAGSTER_HOME}"
        done = self.engine.run(
            "run", "--rm", *RESTRICTED, mount, *variables, self.reference(name), *command, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def files(self, name: str) -> set[str]:
        """Paths of all files of an image."""
        shell = ("--rm", "--user=0", "--entrypoint=find", self.reference(name))
        return set(self.engine.run("run", *shell, "/", "-xdev", "-type", "f").stdout.splitlines())


def exit_code(engine: Engine, *arguments: str) -> int:
    return subprocess.run(
        [str(engine.client), *arguments], env=engine.environment(), capture_output=True, check=False
    ).returncode
