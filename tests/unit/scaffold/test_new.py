"""Names and files of a new code location, and that a failure leaves nothing behind."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slipway.local.errors import LocalPlatformError
from slipway.repository import Repository, read_repository
from slipway.scaffold.location import new_location

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The least that makes a checkout, with one code location."""
    (tmp_path / "versions.env").write_text("UV_VERSION=1.2.3\n")
    (tmp_path / "dg.toml").write_text(
        '# Ours.\ndirectory_type = "workspace"\n\n[[workspace.projects]]\npath = "code_locations/shop"\n'
    )
    shop = tmp_path / "code_locations" / "shop"
    shop.mkdir(parents=True)
    (shop / "pyproject.toml").write_text('[tool.dg.project]\nroot_module = "shop"\n')
    (tmp_path / "code_locations" / "half_done").mkdir()
    (tmp_path / "slipway").symlink_to(ROOT / "slipway")
    return read_repository(tmp_path)


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> str:
    program = str(ROOT / "tools" / "uv")
    monkeypatch.setenv("UV", program)
    return program


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes()
        for folder in (root, root / "code_locations", root / "code_locations" / "shop")
        for file in folder.iterdir()
        if file.is_file()
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Stock", "not snake_case"),
        ("stock-taking", "not snake_case"),
        ("2stock", "not snake_case"),
        ("stock__x", "not snake_case"),
        ("", "not snake_case"),
        ("../stock", "not snake_case"),
        ("stock\n", "not snake_case"),
        ("s" * 31, "31 characters"),
        ("class", "keeps that word"),
        ("match", "keeps that word"),
        ("shop", "dg.toml lists one"),
        ("half_done", "code_locations/half_done exists"),
        ("daemon", "the platform uses it"),
        ("pandas", "an installed module"),
        ("json", "an installed module"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_its_reason(
    repository: Repository, name: str, reason: str
) -> None:
    before = contents(repository.root)
    with pytest.raises(LocalPlatformError, match=reason) as caught:
        new_location(repository, name)
    assert "snake_case" in str(caught.value) or "shop_returns" in caught.value.hint
    assert contents(repository.root) == before


def test_a_location_is_written_locked_and_listed_last(repository: Repository, uv: str) -> None:
    files = new_location(repository, "stock")
    assert all((repository.root / file).is_file() for file in files)
    again = read_repository(repository.root)
    assert [location.name for location in again.code_locations] == ["shop", "stock"]
    assert again.code_location("stock").folders == {"STOCK_FOLDER": "stock"}
    assert (repository.root / "dg.toml").read_text().startswith("# Ours.\n")
    lock = tomllib.loads((again.code_location("stock").path / "uv.lock").read_text())
    assert "stock" in {package["name"] for package in lock["package"]}
    assert sorted(file.name for file in (repository.root / "code_locations").iterdir()) == [
        "half_done",
        "shop",
        "stock",
    ]


def test_nothing_is_left_of_one_that_can_not_be_locked(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(repository.root)
    monkeypatch.setenv("UV", "/bin/false")
    with pytest.raises(LocalPlatformError, match="could not be locked"):
        new_location(repository, "stock")
    assert contents(repository.root) == before
    assert not list((repository.root / "code_locations").glob("*stock*"))
    assert not list((repository.root / "code_locations").glob(".*"))


def test_a_dry_run_writes_nothing(repository: Repository) -> None:
    before = contents(repository.root)
    files = new_location(repository, "stock", dry_run=True)
    assert Path("code_locations/stock/src/stock/definitions.py") in files
    assert contents(repository.root) == before
    assert not (repository.root / "code_locations" / "stock").exists()


def test_the_command_says_what_is_wrong_in_two_lines(repository: Repository) -> None:
    command = [str(Path(sys.executable).with_name("slipway")), "new", "Stock"]
    done = subprocess.run(command, cwd=repository.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("Error: 'Stock' can't be the name of a code location")
    assert len(done.stderr.splitlines()) == 2
