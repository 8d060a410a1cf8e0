"""The repository is consistent with itself: pins, names, the README's table, the make targets."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from slipway.repository import CodeLocation, Repository, read_repository, read_versions

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY: Repository = read_repository(ROOT)
PROJECTS = [ROOT, ROOT / "slipway", *(location.path for location in REPOSITORY.code_locations)]
LOCKED = [ROOT, *(location.path for location in REPOSITORY.code_locations)]
# 1.x of core belongs to 0.(x+16) of the libraries, the same patch.
CORE = {
    "dagster",
    "dagster-graphql",
    "dagster-webserver",
    "dagster-dg-cli",
    "dagster-pipes",
    "dagster-shared",
}


def requirements(project: Path) -> list[str]:
    table = tomllib.loads((project / "pyproject.toml").read_text())
    names = list(table["project"].get("dependencies", []))
    for group in [
        *table["project"].get("optional-dependencies", {}).values(),
        *table.get("dependency-groups", {}).values(),
    ]:
        names += group
    return names


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_dagster_pins_are_those_of_versions_env(project: Path) -> None:
    for requirement in requirements(project):
        name, _, version = requirement.partition("==")
        if name.startswith("dagster"):
            expected = "DAGSTER_VERSION" if name in CORE else "DAGSTER_LIBRARIES_VERSION"
            assert version == REPOSITORY.versions[expected], f"{project.name}: {requirement}"


@pytest.mark.parametrize("project", LOCKED, ids=lambda path: path.name)
def test_locks_keep_what_upstream_breaks(project: Path) -> None:
    lock = tomllib.loads((project / "uv.lock").read_text())
    versions = {
        package["name"]: tuple(map(int, package["version"].split(".")[:2]))
        for package in lock["package"]
        if "version" in package
    }
    assert versions["sqlalchemy"] < (2, 1)
    assert versions.get("typer", (0, 0)) < (0, 26)


def test_versions_env_is_read_alike_by_python_make_and_shells() -> None:
    for name, value in read_versions(ROOT / "versions.env").items():
        assert re.fullmatch(r"[A-Z_]+", name)
        assert re.fullmatch(r"[0-9][0-9a-z.]*", value), f"{name}={value}"


@pytest.mark.parametrize("location", REPOSITORY.code_locations, ids=lambda location: location.name)
def test_a_code_location_is_a_project_of_its_own(location: CodeLocation) -> None:
    assert (location.path / "uv.lock").is_file()
    assert (location.path / "tests").is_dir()
    assert (location.path / "src" / location.name / "definitions.py").is_file()
    table = tomllib.loads((location.path / "pyproject.toml").read_text())
    assert table["tool"]["uv"]["sources"]["slipway"]["path"] == "../../slipway"
    assert location.path.name == location.name


def test_every_folder_of_a_code_location_is_listed_in_dg_toml() -> None:
    folders = {
        folder for folder in (ROOT / "code_locations").iterdir() if (folder / "pyproject.toml").exists()
    }
    assert folders == {location.path for location in REPOSITORY.code_locations}


def test_paths_of_the_readme_table_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.split("## Where do I change what?")[1].split("\n## ")[0]
    answers = [line.split("|")[2] for line in table.splitlines() if line.startswith("|")]
    paths = [path for answer in answers for path in re.findall(r"`([^`]+)`", answer)]
    assert len(paths) > 10
    missing = [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]
    assert not missing, f"README.md names {missing}"


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_make_targets_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for block in re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z-]+)", document.read_text()):
            assert block in targets, f"{document.name} names `make {block}`"


def test_make_help_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = subprocess.run(
        ["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True
    ).stdout
    assert targets == set(re.findall(r"^  make (\S+)", listed, re.MULTILINE))


def test_no_secret_and_no_leftover_is_tracked() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [
        file for file in tracked if file.endswith((".pem", ".key", "secrets.json")) or ".slipway/" in file
    ]


def test_pre_commit_runs_only_what_the_lock_holds() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in settings["repos"]] == ["local"]


def test_python_files_stay_small() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    sources = [file for file in listed.stdout.split() if "tests/" not in file]
    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in sources}
    assert not {file: length for file, length in lengths.items() if length > 330}
