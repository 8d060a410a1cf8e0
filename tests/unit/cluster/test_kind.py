from pathlib import Path

import pytest
import yaml
from rich.console import Console

from slipway.cluster import kind, node_image
from slipway.cluster.engine import Engine
from slipway.cluster.errors import ClusterError
from slipway.cluster.tools import Tools, exports
from slipway.progress import Steps
from slipway.repository import find_root, read_repository

REPOSITORY = read_repository(find_root(Path(__file__)))


def cluster(folder: Path, *, marked: bool = True, nodes: str = "slipway-control-plane") -> kind.Kind:
    """Return a cluster of programs that write what they are asked into `folder`/asked and answer as a healthy one does."""
    answers = {
        "docker": f"""
case "$*" in
    ps*) [ -e {folder}/deleted ] || echo "{nodes}" ;;
    *State.Status*) echo running ;;
    *Config.Image*) echo {node_image.own_reference(REPOSITORY)} ;;
    *"test -e"*) exit {0 if marked else 1} ;;
    "image inspect"*) exit 1 ;;
    pull*) echo stop here >&2; exit 1 ;;
esac""",
        "kind": f'case "$*" in delete*) touch {folder}/deleted ;; esac',
        "kubectl": 'case "$*" in *"get nodes"*) echo "slipway-control-plane Ready" ;; esac',
        "helm": "",
    }
    for name, script in answers.items():
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{folder}/asked\n{script}\n')
        (folder / name).chmod(0o755)
    tools = Tools(folder / "kind", folder / "helm", folder / "kubectl")
    return kind.Kind(REPOSITORY, tools, Engine(folder / "docker"), Steps(Console(quiet=True)))


def asked(folder: Path) -> str:
    return (folder / "asked").read_text()


def test_a_whole_cluster_is_left_alone(tmp_path: Path) -> None:
    assert cluster(tmp_path).up() == kind.UNCHANGED
    for word in ("create", "delete", "apply", " start ", "run "):
        assert word not in asked(tmp_path)


def test_a_cluster_whose_creation_was_interrupted_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(node_image.IMAGE_VARIABLE, "upstream")
    with pytest.raises(ClusterError, match="stop here"):
        cluster(tmp_path, marked=False).up()
    assert "kind delete cluster --name slipway" in asked(tmp_path)


def test_another_number_of_nodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"has 1 node\(s\), not 2"):
        cluster(tmp_path).up(2)
    assert "delete" not in asked(tmp_path)


@pytest.mark.parametrize(
    ("count", "roles"), [(1, ["control-plane"]), (3, ["control-plane", "worker", "worker"])]
)
def test_the_configuration_has_a_control_plane_and_workers(count: int, roles: list[str]) -> None:
    document = yaml.safe_load(kind.configuration(count))
    assert [node["role"] for node in document["nodes"]] == roles


@pytest.mark.parametrize("count", [0, 4])
def test_other_numbers_of_nodes_are_not_possible(count: int) -> None:
    with pytest.raises(ClusterError, match="is not possible") as caught:
        kind.configuration(count)
    assert "1 to 3" in caught.value.hint


def test_a_shell_gets_the_tools_and_nothing_that_lies_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    found = cluster(tmp_path)
    (line,) = exports(found.tools, found.engine)
    folder = Path(line.removeprefix("export PATH=").removesuffix(":$PATH"))
    assert sorted(each.name for each in folder.iterdir()) == ["docker", "helm", "kind", "kubectl"]
    assert (folder / "docker").resolve() == found.engine.client
