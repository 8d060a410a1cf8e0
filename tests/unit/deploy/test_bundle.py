"""A bundle is taken only if each of its files is what its list says. Images and a deployment from one: tests/kind."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from slipway.deploy import bundle
from slipway.deploy.errors import DeployError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An unpacked bundle with a list."""
    made = tmp_path / "slipway-kind"
    files = {
        "bundle.json": json.dumps({"revision": "1a2b", "chart": "1.12.19", "images": {"orders": "0f1e"}}),
        "images.tar.gz": "images",
        "helm/platform/Chart.yaml": "name: platform",
    }
    for name, text in files.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    lines = [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in files.items()]
    (made / "SHA256SUMS").write_text("".join(lines))
    return made


def silent(_: str) -> None:
    pass


def packed(folder: Path) -> Path:
    archive = folder.with_suffix(".tar")
    with tarfile.open(archive, "w") as packing:
        packing.add(folder, arcname=folder.name)
    return archive


@pytest.mark.parametrize("as_archive", [True, False])
def test_a_whole_bundle_is_taken(folder: Path, as_archive: bool) -> None:
    with bundle.opened(packed(folder) if as_archive else folder, silent) as found:
        assert (found.revision, found.tags) == ("1a2b", {"orders": "0f1e"})
        assert (found.folder / "helm/platform/Chart.yaml").is_file()


def test_what_was_unpacked_is_gone_afterwards(folder: Path) -> None:
    with bundle.opened(packed(folder), silent) as found:
        place = found.folder
    assert not place.exists()


def test_a_changed_a_missing_and_an_added_file_are_named(folder: Path) -> None:
    (folder / "images.tar.gz").write_text("imagez")
    (folder / "helm/platform/Chart.yaml").unlink()
    (folder / "helm/extra.yaml").touch()
    with (
        pytest.raises(DeployError) as refused,
        bundle.opened(packed(folder), silent),
    ):
        pass
    said = str(refused.value)
    assert "helm/platform/Chart.yaml is missing" in said
    assert "helm/extra.yaml is not on its list" in said
    assert "images.tar.gz is not what its list says" in said


def test_half_an_archive_is_refused(folder: Path) -> None:
    archive = packed(folder)
    archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(DeployError, match=r"only a part|can't be"), bundle.opened(archive, silent):
        pass


def test_another_archive_is_no_bundle(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    with pytest.raises(DeployError, match="no SHA256SUMS"), bundle.opened(packed(other), silent):
        pass


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="There is no bundle"), bundle.opened(tmp_path / "none.tar", silent):
        pass


def test_an_image_that_is_not_in_it_is_named(folder: Path) -> None:
    with (
        bundle.opened(folder, silent) as found,
        pytest.raises(DeployError, match="no image sales"),
    ):
        found.load_images(None, "registry", {"sales"}, silent)  # type: ignore[arg-type]
