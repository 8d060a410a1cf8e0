"""Images go from one engine to another registry by a bundle, whole; what is not whole goes nowhere.

Needs the official chart (docs/deploy.md says where it is looked for). What is refused: tests/unit/deploy/test_bundle.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.cluster import REGISTRY_ADDRESS
from slipway.cluster.kind import Kind
from slipway.deploy import bundle, charts
from slipway.images.build import push
from slipway.images.errors import ImageError
from support.cluster import ROOT

pytestmark = [pytest.mark.kind, pytest.mark.timeout(600)]
REGISTRY = f"{REGISTRY_ADDRESS}/elsewhere"


def silent(_: str) -> None:
    pass


@pytest.fixture
def image(cluster: Kind, busybox: str) -> Iterator[str]:
    """The name of an image that the engine has."""
    cluster.engine.run("pull", "--quiet", busybox)
    yield busybox
    cluster.engine.run("rmi", busybox, check=False)


def written(cluster: Kind, images: dict[str, str], target: Path) -> Path:
    try:
        charts.find(ROOT, charts.CONTROL_PLANE)
    except charts.ChartMissingError as missing:
        pytest.skip(f"{missing} {missing.hint}")
    programs = (cluster.tools.helm, cluster.tools.kubectl)
    bundle.write(bundle.Contents(ROOT, "1a2b", programs, images), cluster.engine, target, silent)
    return target


def test_an_image_reaches_another_registry(cluster: Kind, image: str, tmp_path: Path) -> None:
    identity = cluster.engine.run("image", "inspect", "--format", "{{.Id}}", image).stdout
    archive = written(cluster, {"test-busybox": image}, tmp_path / "slipway-kind.tar")
    cluster.engine.run("rmi", image)
    with bundle.opened(archive, silent) as found:
        (loaded,) = found.load_images(cluster.engine, REGISTRY, {"test-busybox"}, silent)
        assert found.program("helm").read_bytes() == cluster.tools.helm.read_bytes()
        for chart in ("helm/platform", charts.CONTROL_PLANE, charts.CODE_LOCATION):
            assert charts.find(found.folder, chart, found.charts).is_relative_to(found.folder)
    assert loaded == image.replace(REGISTRY_ADDRESS, REGISTRY)
    try:
        push(cluster.engine, loaded, silent)
        cluster.engine.run("rmi", loaded)
        cluster.engine.run("pull", "--quiet", loaded)
        assert cluster.engine.run("image", "inspect", "--format", "{{.Id}}", loaded).stdout == identity
    finally:
        cluster.engine.run("rmi", loaded, check=False)


def test_an_image_that_the_engine_lacks_is_named_and_nothing_is_left(cluster: Kind, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not have the image nowhere/none:1"):
        written(cluster, {"none": "nowhere/none:1"}, tmp_path / "slipway-kind.tar")
    assert not list(tmp_path.iterdir())
