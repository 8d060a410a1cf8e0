"""`slipway images`: build and push the images of the code locations and of the control plane.

Does not belong here: what either does (`slipway.images`).
"""

from typing import Annotated

import typer

from slipway.cluster import REGISTRY_ADDRESS
from slipway.cluster.engine import find_engine
from slipway.commands.checkout import console
from slipway.images import base, recipe
from slipway.images.build import Builder
from slipway.images.build import push as push_image
from slipway.progress import Steps
from slipway.repository import find_root, read_repository

app = typer.Typer(help="Images of the code locations and of the control plane.", no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Images; all of them by default.")]
Registry = Annotated[str, typer.Option(help="Where they are pushed to, and pulled from: host[:port][/path].")]


@app.command()
def build(
    names: Names = None,
    push: Annotated[bool, typer.Option("--push", help="Push them too.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Build what is there, too, from nothing.")
    ] = False,
    registry: Registry = REGISTRY_ADDRESS,
) -> None:
    """Build what has changed: a tag is a digest of all that goes into an image."""
    repository, steps = read_repository(find_root()), Steps(console)
    wanted = [recipe.image(repository, name) for name in names or []] or recipe.images(repository)
    with steps.shown():
        engine = find_engine()
        with steps.step("base image") as say:
            found = base.find(engine, repository.root, say)
            say(f"{found.reference} ({found.reason})")
        builder = Builder(engine, repository.root, found)
        for image in wanted:
            with steps.step(f"image {image.name}") as say:
                reference = builder.build(image, registry, say, afresh=no_cache)
                if push:
                    push_image(engine, reference, say)
                say(reference)


@app.command()
def sizes(registry: Registry = REGISTRY_ADDRESS) -> None:
    """Show the size of each image that is built, uncompressed, in MB."""
    from rich.table import Table  # noqa: PLC0415

    repository = read_repository(find_root())
    engine = find_engine()
    builder = Builder(engine, repository.root, base.find(engine, repository.root, lambda _: None))
    table = Table("image", "MB", box=None)
    for image in recipe.images(repository):
        reference = builder.reference(image, registry)
        size = engine.run("image", "inspect", "--format", "{{.Size}}", reference, check=False).stdout.strip()
        table.add_row(reference, f"{int(size) / 1e6:.0f}" if size else "not built")
    console.print(table)


@app.command()
def prune(
    names: Names = None,
    keep: Annotated[int, typer.Option(min=1, help="How many tags of each image stay, the newest.")] = 3,
    cache: Annotated[int, typer.Option(min=0, help="GB that stay of the engine's build cache.")] = 10,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove old images from the engine, the local registry and the kind cluster's nodes.

    What a deployed release or a living pod uses stays, however old.
    """
    from slipway.cluster.kind import Kind  # noqa: PLC0415
    from slipway.cluster.tools import find_tools  # noqa: PLC0415
    from slipway.images.pruning.pruning import Pruning  # noqa: PLC0415

    repository, steps = read_repository(find_root()), Steps(console)
    cluster = Kind(repository, find_tools(repository, steps), find_engine(), steps)
    failed = Pruning(cluster, console, keep, cache * 10**9, dry_run, names or ()).run()
    if failed:
        raise typer.Exit(1)
