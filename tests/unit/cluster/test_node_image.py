import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.cluster import kind, node_contents, node_image
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.repository import find_root, read_repository

ROOT = find_root(Path(__file__))
REPOSITORY = read_repository(ROOT)
OWN = node_image.own_reference(REPOSITORY)
UPSTREAM = node_image.upstream_reference(REPOSITORY)


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(node_image.IMAGE_VARIABLE, raising=False)


def engine(folder: Path, *, images: str = "", pull: str = "exit 1") -> Engine:
    """Return a client of an engine that has `images`, and pulls as told."""
    client = folder / "docker"
    client.write_text(
        f'#!/bin/sh\ncase $1 in\nimage) case "{images}" in *"$3"*) exit 0 ;; esac; exit 1 ;;\npull) {pull} ;;\nesac\n'
    )
    client.chmod(0o755)
    return Engine(client)


def choose(by: Engine) -> node_image.NodeImage:
    return node_image.choose(by, REPOSITORY, lambda _: None)


def test_kinds_own_is_pulled_where_a_registry_answers(tmp_path: Path) -> None:
    chosen = choose(engine(tmp_path, pull="echo Pulling from kindest/node"))
    assert (chosen.reference, chosen.own) == (UPSTREAM, False)


def test_ours_is_taken_where_none_does_and_the_reason_is_kept(tmp_path: Path) -> None:
    chosen = choose(engine(tmp_path, pull="echo no such host >&2; exit 1"))
    assert (chosen.reference, chosen.own) == (OWN, True)
    assert "no such host" in chosen.reason


def test_a_registry_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_image, "PATIENCE_SECONDS", 0.2)
    assert "no answer" in choose(engine(tmp_path, pull="exec sleep 60")).reason


@pytest.mark.parametrize(("there", "own"), [(OWN, True), (UPSTREAM, False)])
def test_what_the_engine_has_needs_no_registry(tmp_path: Path, there: str, own: bool) -> None:
    chosen = choose(engine(tmp_path, images=there, pull=f"echo >{tmp_path}/pulled"))
    assert (chosen.reference, chosen.own) == (there, own)
    assert not (tmp_path / "pulled").exists()


def test_the_choice_by_hand_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by = engine(tmp_path, images=UPSTREAM)
    monkeypatch.setenv(node_image.IMAGE_VARIABLE, "own")
    assert choose(by).own
    monkeypatch.setenv(node_image.IMAGE_VARIABLE, "registry.example/node:1")
    assert choose(by).reference == "registry.example/node:1"
    monkeypatch.setenv(node_image.IMAGE_VARIABLE, "upstream")
    with pytest.raises(ClusterError, match="can't be pulled"):
        choose(engine(tmp_path))


def test_a_changed_recipe_is_another_image(tmp_path: Path) -> None:
    for folder in ("docker/kind-node", "tools/go"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    copy = replace(REPOSITORY, root=tmp_path)
    assert node_image.own_reference(copy) == OWN
    for file in ("docker/kind-node/bake", "tools/go/pause/main.go"):
        (tmp_path / file).write_text((tmp_path / file).read_text() + "\n")
        assert node_image.own_reference(copy) != OWN
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "docker/kind-node/bake").chmod(0o644)
    assert node_image.own_reference(copy) != OWN


def test_the_nodes_and_the_clusters_configuration_know_the_same_ranges() -> None:
    script = (ROOT / "docker/kind-node/rootfs/usr/local/bin/slipway-network").read_text()
    assert re.findall(r"^(?:pods|services)=(\S+)$", script, re.MULTILINE) == [
        kind.POD_RANGE,
        kind.SERVICE_RANGE,
    ]


def test_every_image_that_the_manifests_name_is_in_the_nodes_store(tmp_path: Path) -> None:
    stored = {image.reference for image in node_contents.images(tmp_path / "small.tar", REPOSITORY)}
    storage = (ROOT / "docker/kind-node/rootfs/kind/manifests/default-storage.yaml").read_text()
    named = set(re.findall(r"docker\.io/\S+", storage))
    assert len(named) == 2
    assert named < stored
