"""`slipway bundle`: everything that a deployment takes from elsewhere, in one archive.

Does not belong here: what is in it, and how it is checked (`slipway.deploy.bundle`).
"""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from slipway.commands import plan
from slipway.commands.checkout import console
from slipway.commands.deploy import Names, Where
from slipway.deploy import bundle as bundles
from slipway.deploy import images
from slipway.images import provenance
from slipway.progress import Steps
from slipway.repository import find_root, read_repository


def bundle(
    env: Where,
    names: Names = None,
    output: Annotated[
        Path | None, typer.Option(help="The archive; slipway-<env>-<commit>.tar here by default.")
    ] = None,
) -> None:
    """Write images, charts, helm and kubectl into one archive, for `slipway deploy --bundle` where there is no internet."""
    repository, steps = read_repository(find_root()), Steps(console)
    commit = provenance.revision(repository.root)
    short = commit[:12] + commit[40:]
    target = output or Path(f"slipway-{env}-{short or 'unversioned'}.tar")
    with steps.shown():
        opened, builder = plan.from_checkout(repository, env, steps)
        planned, wanted = opened.deployment, opened.wanted(names)
        with steps.step("images") as say:
            registry = planned.releases.target(env).registry
            built = images.build_all(repository, builder, registry, wanted, say)
            say(f"all {len(built)} built")
        with steps.step(f"archive {target}") as say:
            programs = (planned.helm.helm, planned.cluster.kubectl)
            contents = bundles.Contents(repository.root, commit, programs, built)
            bundles.write(contents, builder.engine, target, say)
            say(f"{target.stat().st_size / 1e6:.0f} MB")
        with steps.step("its checksum") as say, target.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            say("sha256")
    console.print(f"{digest}  {target}")
    console.print(f"There, in a checkout of the same commit: make deploy ENV={env} BUNDLE={target.name}")
