"""The template of `slipway new` is the core of the code location `sales`, and what it makes passes lint."""

import difflib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.scaffold.location import TEMPLATE, rendered, tidy

ROOT = Path(__file__).resolve().parents[2]
SALES = ROOT / "code_locations" / "sales"
# What sales has more than the template: these differ, and are compared line by line.
LARGER = ["pyproject.toml", "src/{{name}}/definitions.py", "tests/test_load.py"]
GENERAL = {
    "total_by_country": "{{name}}_by_country",
    "SALES": "{{NAME}}",
    "sales": "{{name}}",
}


def general(text: str) -> str:
    """Return a text of `sales` as the template has it."""
    for word, token in GENERAL.items():
        text = text.replace(word, token)
    return text


def of_sales(file: str) -> str:
    """Return the path that a file of the template has in `sales`."""
    for word, token in GENERAL.items():
        file = file.replace(token, word)
    return file


def templates() -> dict[str, str]:
    """Return the template's files by the path that they get."""
    return {
        file.relative_to(TEMPLATE)
        .as_posix()
        .removesuffix(".template")
        .replace("package/", "src/{{name}}/"): (file.read_text())
        for file in TEMPLATE.rglob("*.template")
    }


@pytest.mark.parametrize("file", sorted(set(templates()) - set(LARGER)))
def test_the_template_is_the_core_of_sales(file: str) -> None:
    theirs = general((SALES / of_sales(file)).read_text())
    difference = "\n".join(
        difflib.unified_diff(templates()[file].splitlines(), theirs.splitlines(), lineterm="")
    )
    assert not difference, f"change the template of {file} alike:\n{difference}"


def test_no_module_of_the_core_is_left_out() -> None:
    folder = SALES / "src" / "sales" / "defs" / "files"
    names = {f"src/{{{{name}}}}/defs/files/{file.name}" for file in folder.glob("*.py")}
    assert names <= set(templates())


def test_the_template_asks_for_nothing_that_sales_does_not() -> None:
    ours = templates()["pyproject.toml"].splitlines()
    theirs = general((SALES / "pyproject.toml").read_text()).splitlines()
    own = [line for line in ours if line not in theirs]
    assert [line.split(" = ")[0] for line in own] == ["description", "filterwarnings"]


def test_what_it_makes_keeps_its_contract(tmp_path: Path) -> None:
    """The committed file is rendered from text: with a long name, too, as the declaration writes it."""
    name = "returns_of_the_online_shops_2"
    for file, text in rendered(name).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "slipway.contracts", f"{name}.definitions", "contracts"],
        cwd=tmp_path,
        env={**os.environ, "SLIPWAY_ENV": "local", "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"1 contracts hold: {name}_by_country" in done.stdout


# Short and long, before and after `slipway` in the alphabet.
@pytest.mark.parametrize("name", ["ab", "zebra", "returns_of_the_online_shops_2"])
def test_what_it_makes_passes_lint(name: str, tmp_path: Path) -> None:
    for file, text in rendered(name).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
        assert "{{" not in text, file
    (tmp_path / "pyproject.toml").write_text(
        (ROOT / "pyproject.toml").read_text().replace("code_locations/*/src", "src")
    )
    (tmp_path / "slipway").symlink_to(ROOT / "slipway")
    tidy(tmp_path)
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--no-cache"], ["format", "--check", "--diff", "--no-cache"]):
        done = subprocess.run(
            [ruff, *command, "src", "tests"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
