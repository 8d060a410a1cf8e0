from pathlib import Path

import pytest

from slipway.images import recipe
from slipway.images.errors import ImageError
from slipway.images.recipe import Image
from slipway.repository import read_repository

ROOT = Path(__file__).resolve().parents[3]
SHOP = Image("shop-returns", Path("code_locations/shop_returns"), ("/build/slipway", "."))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {
        "code_locations/shop_returns/pyproject.toml": "[project]",
        "code_locations/shop_returns/uv.lock": "lock",
        "code_locations/shop_returns/src/shop_returns/definitions.py": "defs",
        "code_locations/shop_returns/tests/test_it.py": "test",
        "slipway/pyproject.toml": "[project]",
        "slipway/src/slipway/__init__.py": "",
        "docker/project/Dockerfile": "FROM",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_there_is_an_image_for_the_control_plane_and_for_every_location() -> None:
    repository = read_repository(ROOT)
    names = [image.name for image in recipe.images(repository)]
    assert names == ["dagster", *(each.name.replace("_", "-") for each in repository.code_locations)]
    assert recipe.image(repository, "editorial").prepare == "python -m editorial.build"
    assert recipe.image(repository, "orders").extras == ("celery", "kubernetes")
    assert recipe.image(repository, "sales").extras == ()
    with pytest.raises(ImageError, match="no image 'order'"):
        recipe.image(repository, "order")


@pytest.mark.parametrize(
    "name",
    [
        "code_locations/shop_returns/src/shop_returns/definitions.py",
        "code_locations/shop_returns/src/shop_returns/new.sql",
        "code_locations/shop_returns/src/shop_returns/dbt/tests/generic/known.sql",
        "code_locations/shop_returns/uv.lock",
        "slipway/src/slipway/__init__.py",
        "docker/project/Dockerfile",
    ],
)
def test_what_goes_into_an_image_changes_its_tag(name: str, checkout: Path) -> None:
    before = recipe.tag(checkout, SHOP, "base")
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("changed")
    assert recipe.tag(checkout, SHOP, "base") != before


@pytest.mark.parametrize(
    "name",
    [
        "code_locations/shop_returns/tests/test_it.py",
        "code_locations/shop_returns/.env",
        "code_locations/shop_returns/README.md",
        "code_locations/shop_returns/.venv/lib/module.py",
        "code_locations/shop_returns/src/shop_returns/__pycache__/definitions.pyc",
        "code_locations/shop_returns/src/shop_returns/dbt/target/manifest.json",
        "docs/page.md",
    ],
)
def test_what_does_not_go_into_an_image_leaves_its_tag(name: str, checkout: Path) -> None:
    before = recipe.tag(checkout, SHOP, "base")
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("changed")
    assert recipe.tag(checkout, SHOP, "base") == before


def test_another_base_is_another_tag(checkout: Path) -> None:
    assert recipe.tag(checkout, SHOP, "base") != recipe.tag(checkout, SHOP, "python:3.13-slim")


def test_a_project_without_a_lock_is_refused(checkout: Path) -> None:
    (checkout / SHOP.project / "uv.lock").unlink()
    with pytest.raises(ImageError, match=r"shop_returns has no uv\.lock"):
        recipe.tag(checkout, SHOP, "base")
