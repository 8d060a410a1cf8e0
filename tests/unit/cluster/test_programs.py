import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.cluster import programs
from slipway.golang import BuildError
from slipway.repository import Repository, find_root, read_repository

ROOT = find_root(Path(__file__))
REPOSITORY = read_repository(ROOT)
VERSIONS = REPOSITORY.versions


def fake_go(folder: Path, script: str) -> None:
    """Put a `go` on PATH's first folder that says it is new and runs `script` in place of a build."""
    go = folder / "go"
    go.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && {{ echo go version go1.99.1 linux/amd64; exit; }}\n{script}\n'
    )
    go.chmod(0o755)


@pytest.fixture
def go_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    return folder


# The last argument but one of `go build ... -o FILE PACKAGE`.
BUILDS = 'for last; do [ "$previous" = -o ] && echo "$@" >"$last"; previous=$last; done; echo built >&2'


@pytest.mark.parametrize("module", programs.MODULES, ids=lambda module: module.name)
def test_a_module_names_the_version_of_versions_env(module: programs.Module) -> None:
    text = (ROOT / "tools/go" / module.name / "go.mod").read_text()
    assert text.startswith(f"module slipway/{module.name}\n")
    for package in module.packages.values():
        if package != ".":
            assert re.search(rf"^(tool )?\t?{re.escape(package)}$", text, re.MULTILINE), package
    if module.name != "pause":
        assert re.search(
            rf"^(require |\t)\S+ v{re.escape(VERSIONS[module.version])}( |$)", text, re.MULTILINE
        )


def test_kubernetes_staging_modules_are_of_its_own_release() -> None:
    text = (ROOT / "tools/go/kubernetes/go.mod").read_text()
    replaced = re.findall(r"^replace (\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 25
    release = VERSIONS["KUBERNETES_VERSION"].removeprefix("1.")
    assert {(name == by, version) for name, by, version in replaced} == {(True, f"v0.{release}")}


def test_a_program_is_built_once_and_says_its_version(go_folder: Path) -> None:
    fake_go(go_folder, BUILDS)
    said: list[str] = []
    built = programs.find("helm", REPOSITORY, said.append)
    assert f"version.version=v{VERSIONS['HELM_VERSION']}" in built.read_text()
    assert said[-1] == f"compiling helm {VERSIONS['HELM_VERSION']}, 1 packages"
    fake_go(go_folder, "exit 1")
    assert programs.find("helm", REPOSITORY, said.append) == built


def test_a_failed_build_leaves_nothing_and_tells_what_the_compiler_said(go_folder: Path) -> None:
    fake_go(go_folder, f"{BUILDS}; echo no such module >&2; exit 1")
    with pytest.raises(BuildError, match="no such module") as caught:
        programs.find("kind", REPOSITORY, lambda _: None)
    assert caught.value.hint
    assert not [file for file in (go_folder.parent / "cache").rglob("kind") if file.is_file()]
    fake_go(go_folder, BUILDS)
    assert programs.find("kind", REPOSITORY, lambda _: None).exists()


def test_what_an_interrupted_build_left_is_not_taken_for_the_program(go_folder: Path) -> None:
    fake_go(go_folder, BUILDS)
    target = programs.path("kind", REPOSITORY)
    half = target.parent.with_name("kind.making") / "kind"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    half.with_name("rest").write_text("of an older build")
    built = programs.find("kind", REPOSITORY, lambda _: None)
    assert built.read_text() != "half"
    assert [file.name for file in built.parent.iterdir()] == ["kind"]


def test_two_at_a_time_build_a_program_once(go_folder: Path) -> None:
    fake_go(go_folder, f"echo build >>{go_folder}/builds; sleep 0.3; {BUILDS}")
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(programs.find, "kind", REPOSITORY, lambda _: None) for _ in range(2)]
    assert both[0].result() == both[1].result()
    assert (go_folder / "builds").read_text() == "build\n"


def test_a_changed_module_is_another_program(tmp_path: Path) -> None:
    module = tmp_path / "tools/go/coredns"
    module.mkdir(parents=True)
    (module / "main.go").write_text("package main")
    repository = Repository(root=tmp_path, versions=VERSIONS, code_locations=())
    before = programs.path("coredns", repository)
    (module / "main.go").write_text("package main // changed")
    assert programs.path("coredns", repository) != before
