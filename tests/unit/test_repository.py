from pathlib import Path

import pytest

from slipway.errors import RepositoryError
from slipway.local.programs import code_server_name
from slipway.repository import find_root, read_repository


def checkout(root: Path, *locations: str) -> Path:
    """Write the least that makes a checkout."""
    (root / "versions.env").write_text("# pins\nUV_VERSION=1.2.3\n")
    projects = "".join(f'[[workspace.projects]]\npath = "code_locations/{name}"\n' for name in locations)
    (root / "dg.toml").write_text(f'directory_type = "workspace"\n{projects}')
    for name in locations:
        folder = root / "code_locations" / name
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(f'[tool.dg.project]\nroot_module = "{name}"\n')
    return root


def test_code_locations_come_in_the_order_of_dg_toml(tmp_path: Path) -> None:
    repository = read_repository(checkout(tmp_path, "sales_orders", "alerts"))
    assert [location.name for location in repository.code_locations] == ["sales_orders", "alerts"]
    assert repository.versions == {"UV_VERSION": "1.2.3"}
    assert code_server_name(repository.code_location("sales_orders")) == "sales-orders"


def test_wishes_of_a_location_are_read(tmp_path: Path) -> None:
    checkout(tmp_path, "shop")
    file = tmp_path / "code_locations/shop/pyproject.toml"
    file.write_text(
        file.read_text() + '[tool.slipway.local]\ndatabase = "till"\ndatabase_variable = "TILL_URL"\n'
        'owns_database = true\nfolders = { SHOP_FILES = "shop" }\n'
        'demo = ["python", "-m", "shop.demo"]\nfirst_job = "daily"\n'
        '[tool.slipway]\nprepare = ["python", "-m", "shop.build"]\n'
    )
    shop = read_repository(tmp_path).code_location("shop")
    assert (shop.database, shop.database_variable, shop.first_job) == ("till", "TILL_URL", "daily")
    assert (shop.owns_database, shop.folders) == (True, {"SHOP_FILES": "shop"})
    assert shop.demo == ("python", "-m", "shop.demo")
    assert shop.prepare == ("python", "-m", "shop.build")


def test_extras_of_an_image_are_those_that_the_project_has(tmp_path: Path) -> None:
    file = checkout(tmp_path, "shop", "till") / "code_locations/shop/pyproject.toml"
    of_image = '[tool.slipway.image]\nextras = ["kubernetes"]\n'
    extras = '[project.optional-dependencies]\nkubernetes = ["slipway[kubernetes]"]\n'
    plain = file.read_text()
    file.write_text(plain + of_image + extras)
    repository = read_repository(tmp_path)
    assert repository.code_location("shop").extras == ("kubernetes",)
    assert repository.code_location("till").extras == ()
    file.write_text(plain + of_image)
    with pytest.raises(RepositoryError, match="puts the extra 'kubernetes' into its image") as caught:
        read_repository(tmp_path)
    assert caught.value.hint == "[project.optional-dependencies] has: nothing."


def test_an_unknown_location_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no code location 'salse'") as caught:
        read_repository(checkout(tmp_path, "sales", "orders")).code_location("salse")
    assert caught.value.hint == "dg.toml lists: sales, orders."


def test_a_listed_folder_without_a_project_is_named(tmp_path: Path) -> None:
    checkout(tmp_path, "sales")
    (tmp_path / "code_locations/sales/pyproject.toml").unlink()
    with pytest.raises(RepositoryError, match=r"sales/pyproject\.toml is missing"):
        read_repository(tmp_path)


def test_a_project_that_is_not_dgs_is_named(tmp_path: Path) -> None:
    checkout(tmp_path, "sales")
    (tmp_path / "code_locations/sales/pyproject.toml").write_text("[project]\n")
    with pytest.raises(RepositoryError, match="names no root_module"):
        read_repository(tmp_path)


def test_the_root_is_found_from_below_and_missed_outside(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    root = checkout(tmp_path / "here", "sales")
    assert find_root(root / "code_locations" / "sales") == root
    with pytest.raises(RepositoryError, match="not inside a Slipway checkout"):
        find_root(tmp_path)
