"""`slipway kind up|down|status`: the cluster of this machine.

Does not belong here: how it is made (`slipway.cluster`).
"""

from typing import Annotated

import typer
from rich.table import Table

from slipway.cluster import CLUSTER, CONTEXT, REGISTRY, REGISTRY_ADDRESS
from slipway.cluster.engine import find_engine
from slipway.cluster.engine_setup import ensure_engine
from slipway.cluster.kind import CREATED, STARTED, UNCHANGED, Kind
from slipway.cluster.tools import find_tools
from slipway.commands.checkout import console
from slipway.progress import Steps
from slipway.repository import find_root, read_repository

app = typer.Typer(help="A real Kubernetes cluster on this machine (docs/kind.md).", no_args_is_help=True)

_SAID = {CREATED: "ready", STARTED: "running again", UNCHANGED: "there, nothing to do"}


@app.command()
def up(
    nodes: Annotated[
        int | None, typer.Option(help="1 to 3; 1 by default. The first is the control plane.", min=1, max=3)
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Delete the cluster first, if there is one.")] = False,
) -> None:
    """Have a cluster with a local registry. What is there stays as it is; what must be built is built once."""
    repository, steps = read_repository(find_root()), Steps(console)
    with steps.shown():
        engine = ensure_engine(steps)
        cluster = Kind(repository, find_tools(repository, steps), engine, steps)
        if new:
            cluster.down(caches=False)
        done = cluster.up(nodes)
    console.print(f"The cluster {CLUSTER} is {_SAID[done]}.")
    console.print(f"  context   {CONTEXT}\n  registry  {REGISTRY_ADDRESS}, for `docker push` and for pods")
    console.print('  kubectl   eval "$(tools/uv run slipway tools)"')


@app.command()
def down(
    caches: Annotated[
        bool,
        typer.Option("--caches", help="Also delete what was pushed and built: 20 minutes to make again."),
    ] = False,
) -> None:
    """Delete the cluster, with all that is in it."""
    repository, steps = read_repository(find_root()), Steps(console)
    with steps.shown():
        found = Kind(repository, find_tools(repository, steps), find_engine(), steps).down(caches=caches)
    console.print(f"The cluster {CLUSTER} is deleted." if found else f"There was no cluster {CLUSTER}.")


@app.command()
def status() -> None:
    """Show engine, nodes and registry; exit with 1 unless all run."""
    repository, steps = read_repository(find_root()), Steps(console)
    engine = find_engine()
    with steps.shown():
        cluster = Kind(repository, find_tools(repository, steps), engine, steps)
    containers = [*(cluster.nodes() or [f"{CLUSTER}-control-plane"]), REGISTRY]
    states = {name: engine.state_of(name) or "not there" for name in containers}
    table = Table("container", "state", "image", box=None)
    for name, state in states.items():
        image = engine.run("container", "inspect", "--format", "{{.Config.Image}}", name, check=False)
        table.add_row(name, state, image.stdout.strip().partition("@")[0])
    console.print(f"engine {engine.client}, context {CONTEXT}")
    console.print(table)
    if set(states.values()) != {"running"}:
        raise typer.Exit(1)
    console.print(cluster.kubectl("get", "nodes", "-o", "wide", "--request-timeout=10s"))
