"""Another image of a code location: the deployed one with a layer on top, under a tag of its own.

Takes a second, where a build of the location takes minutes; its digest differs, and what runs in it can be told apart.
"""

import tempfile
import uuid
from pathlib import Path

from slipway.cluster.kind import Kind
from slipway.deploy.deployment import Deployment
from slipway.images import build


def push(cluster: Kind, deployed: Deployment, image: str, name: str, *, module: str = "") -> str:
    """Push the image `name`, made of the deployed `image`; return its tag.

    With a `module` it has that text as /code/added.py, too.
    """
    registry = deployed.releases.target("kind").registry
    tag = f"test-{uuid.uuid4().hex[:8]}"
    reference = f"{registry}/slipway/{name}:{tag}"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "added.py").write_text(module or f'"""{tag}"""\n')
        recipe = f"FROM {registry}/slipway/{image}:{deployed.tags[image]}\nCOPY added.py /code/added.py\nENV SLIPWAY_VERSION={tag}\n"
        (Path(folder) / "Dockerfile").write_text(recipe)
        cluster.engine.run("build", "--quiet", "--tag", reference, folder)
    build.push(cluster.engine, reference, lambda _: None)
    cluster.engine.run("rmi", reference)
    return tag
