"""A checkout of its own for tests that need code locations of their own: a probe to steer, a broken one."""

import re
import shutil
import subprocess
from pathlib import Path

from support.platform import ROOT

# Steered from outside: says that it is at work, then waits for leave. Each finished call adds a line. `sold` has a
# contract, and the pieces that a file says.
PROBE = """
import time
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
from slipway.contracts import Column, Contract, published
from slipway.environment import current_environment
from slipway.resources import platform_resources

HERE = Path(__file__).parent
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04")
SOLD = Contract(
    "1.0.0",
    (Column("day", pa.string(), "The day.", nullable=False), Column("sold", pa.int64(), "Pieces.", minimum=0)),
    unique=(("day", "sold"),),
)


@dg.asset
def numbers() -> pd.DataFrame:
    return pd.DataFrame({"n": range(1000)})


@dg.asset
def gated(numbers: pd.DataFrame) -> pd.DataFrame:
    (HERE / "reached").touch()
    while not (HERE / "leave").exists():
        time.sleep(0.05)
    with (HERE / "calls").open("a") as calls:
        calls.write("gated\\n")
    return numbers * 2


@dg.asset
def total(gated: pd.DataFrame) -> int:
    return int(gated["n"].sum())


@published(SOLD, partitions_def=DAYS, metadata={"slipway/partition_by": "day"})
def sold(context: dg.AssetExecutionContext) -> pa.Table:
    pieces = [int(word) for word in (HERE / "sold").read_text().split()]
    return pa.table({"day": [context.partition_key] * len(pieces), "sold": pieces})


@dg.asset(partitions_def=DAYS)
def after(sold: pa.Table) -> int:
    return sold.num_rows


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(
        assets=[numbers, gated, total, sold, after],
        jobs=[
            dg.define_asset_job("everything", dg.AssetSelection.assets("total").upstream()),
            dg.define_asset_job("promises", dg.AssetSelection.assets("sold", "after")),
        ],
        resources=platform_resources(current_environment()),
        executor=dg.in_process_executor,
    )
"""


def copy_checkout(
    target: Path, *, locations: dict[str, str] | None = None, kept: tuple[str, ...] = ()
) -> Path:
    """Copy the working tree to `target`, with just these code locations (name to definitions.py) and those `kept`."""
    locations = locations or {}
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for file in filter(None, files):
        source = ROOT / file
        if source.is_file() and not file.startswith(("tests/", "docs/")):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / file)
    template = target / "code_locations" / "orders"
    listing = (target / "dg.toml").read_text().split("[[workspace.projects]]")[0]
    for name, definitions in locations.items():
        _add_location(template, name, definitions)
    for name in (*kept, *locations):
        listing += f'[[workspace.projects]]\npath = "code_locations/{name}"\n'
    (target / "dg.toml").write_text(listing)
    for folder in template.parent.iterdir():
        if folder.name not in (*kept, *locations):
            shutil.rmtree(folder)
    return target


def _add_location(template: Path, name: str, definitions: str) -> None:
    folder = template.with_name(name)
    source = folder / "src" / name
    source.mkdir(parents=True)
    (source / "__init__.py").touch()
    (source / "definitions.py").write_text(definitions)
    project = (
        (template / "pyproject.toml")
        .read_text()
        .replace('"orders"', f'"{name}"')
        .replace("src/orders", f"src/{name}")
    )
    # What `orders` wishes of the local platform is not for these.
    project = re.sub(r"\[tool\.slipway\.\w+\]\n(?:[^\[\n].*\n|\n)*", "", project)
    (folder / "pyproject.toml").write_text(project)
    (folder / "uv.lock").write_text(
        (template / "uv.lock").read_text().replace('name = "orders"', f'name = "{name}"')
    )
