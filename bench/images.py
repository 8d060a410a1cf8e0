"""Sizes of our images, and how long a fresh container takes to load Dagster and a location's definitions, against the official image.

The official user-code image is built here from its list of packages (bench/official-image), on the same base and with bytecode. Prints
figures; asserts nothing. `make bench-images`.
"""

import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from slipway.cluster import REGISTRY_ADDRESS
from slipway.cluster.engine import Engine, find_engine
from slipway.images import base, recipe
from slipway.images.build import Builder, lent_secrets, uv
from slipway.repository import Repository, find_root, read_repository

ROUNDS = 7
HERE = Path(__file__).parent / "official-image"
OFFICIAL = "slipway/bench-official:latest"
# What a run's process imports in either, Dagster's command line first, which ours starts in its own way: the official image's launcher
# and storages are in its configuration.
OURS = "import runpy; runpy.run_path('/code/bin/start-dagster'); import dagster_postgres, pandas, pyarrow, slipway.storage.io_manager"
THEIRS = "import dagster._cli, dagster_postgres, dagster_k8s, dagster_aws.s3, pandas, pyarrow"
# CPU time of the process: what else the machine does, and the start of a container, are not in it.
CPU = "; import time; print(time.process_time())"


def build_official(engine: Engine, repository: Repository, on: str) -> None:
    """Build the image to compare with."""
    with tempfile.TemporaryDirectory() as folder, lent_secrets() as secrets:
        context = Path(folder)
        shutil.copy2(HERE / "Dockerfile", context)
        shutil.copy2(repository.root / recipe.RECIPE / "with-index", context)
        shutil.copy2(uv(), context / "uv")
        text = (HERE / "requirements.txt.in").read_text()
        for name, version in repository.versions.items():
            text = text.replace(f"@{name}@", version)
        (context / "requirements.txt").write_text(text)
        engine.run("build", "--build-arg", f"BASE={on}", "--tag", OFFICIAL, *secrets, folder)


def seconds(engine: Engine, image: str, code: str) -> tuple[float, float]:
    """Time from starting a container to the end of `code` in it, and the CPU time that its process took."""
    started = time.monotonic()
    # --read-only: nothing may be compiled for the next round.
    command = [
        str(engine.client),
        "run",
        "--rm",
        "--read-only",
        "--tmpfs=/tmp",
        image,
        "python",
        "-c",
        code + CPU,
    ]
    done = subprocess.run(command, env=engine.environment(), check=True, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - started, float(done.stdout)


def main() -> None:
    """Print the table."""
    console = Console()
    engine, repository = find_engine(), read_repository(find_root())
    on = base.find(engine, repository.root, console.print)
    builder = Builder(engine, repository.root, on)
    build_official(engine, repository, on.reference)
    ours = builder.build(recipe.image(repository, "orders"), REGISTRY_ADDRESS, console.print)
    cases = {"python -c pass": (ours, "pass"), "orders": (ours, OURS), "official": (OFFICIAL, THEIRS)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (image, code) in cases.items():
            times[name].append(seconds(engine, image, code))
    table = Table("", "MB", "start to end, s: median", "from", "to", "CPU s: median", "from", "to", box=None)
    for name, (image, _) in cases.items():
        size = int(engine.run("image", "inspect", "--format", "{{.Size}}", image).stdout) / 1e6
        figures = [
            f"{of(each):.2f}"
            for each in zip(*times[name], strict=True)
            for of in (statistics.median, min, max)
        ]
        table.add_row(name, f"{size:.0f}", *figures)
    console.print(table)


if __name__ == "__main__":
    main()
