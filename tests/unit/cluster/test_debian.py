from pathlib import Path

import pytest

from slipway.cluster import debian
from slipway.cluster.errors import ClusterError

DEB822 = "Types: deb\n# http://old.example/debian\nURIs: http://mirror.example/debian\nSuites: bookworm\n"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(debian.MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sources.list.d/debian.sources", DEB822, "http://mirror.example/debian"),
        (
            "sources.list",
            "deb [signed-by=/k.gpg] https://one.example/debian bookworm main\n",
            "https://one.example/debian",
        ),
        (
            "sources.list",
            "deb http://two.example/debian-security bookworm-security main\n",
            debian.DEFAULT_MIRROR,
        ),
        (
            "sources.list.d/node.list",
            "deb https://deb.example/node_20.x nodistro main\n",
            debian.DEFAULT_MIRROR,
        ),
    ],
)
def test_the_mirror_is_the_machine_s_own(name: str, text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert debian.mirror(tmp_path) == expected


def test_without_mmdebstrap_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ClusterError, match="mmdebstrap, which is missing") as caught:
        debian.archive(("iptables",), lambda _: None, variant="extract")
    assert "apt install mmdebstrap" in caught.value.hint


def test_an_archive_is_made_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mmdebstrap"
    script = '#!/bin/sh\nfor each; do case $each in *.making) echo half >"$each"; esac; done\n'
    program.write_text(f"{script}echo E: no route to the mirror\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ClusterError, match="no route to the mirror"):
        debian.archive(("iptables",), lambda _: None, variant="extract")
    assert not list((tmp_path / "cache/debian").glob("*.tar"))
    program.write_text(script)
    first = debian.archive(("iptables",), lambda _: None, variant="extract")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert debian.archive(("iptables",), lambda _: None, variant="extract") == first
