import stat
from pathlib import Path

import pytest

from slipway.local.errors import LocalPlatformError
from slipway.local.secrets import load_secrets
from slipway.local.state import FORMAT, StateFolder, write_private


def test_what_is_written_is_the_owners_alone(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.create()
    load_secrets(state)
    state.write_marker(port=4000)
    for path in (tmp_path / "state").rglob("*"):
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path


def test_secrets_are_made_once(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    first = load_secrets(state)
    assert load_secrets(state) == first
    assert len(set(vars(first).values())) == len(vars(first))


def test_lost_secrets_with_data_are_an_error_and_not_new_secrets(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.postgres.mkdir()
    with pytest.raises(LocalPlatformError, match=r"secrets\.json is missing"):
        load_secrets(state)
    assert not (tmp_path / "secrets.json").exists()


def test_the_marker_keeps_what_it_was_told(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    assert state.read_marker() == {}
    state.write_marker(port=4000)
    state.write_marker(dagster="1")
    assert state.read_marker() == {"port": 4000, "dagster": "1", "format": FORMAT}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            '{"format": 0, "slipway": "0.0.9"}', r"format 0, written by slipway 0\.0\.9", id="older"
        ),
        pytest.param('{"format": 99}', r"format 99, written by slipway \(unknown\)", id="newer"),
        pytest.param('{"format":', "is damaged", id="half-written"),
    ],
)
def test_a_folder_of_another_format_is_left_alone(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(LocalPlatformError, match=complaint) as caught:
        StateFolder(tmp_path).read_marker()
    assert "make clean" in caught.value.hint
    assert (tmp_path / "state.json").read_text() == text


def test_two_commands_do_not_work_on_one_folder(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with state.locked(), pytest.raises(LocalPlatformError, match="Another slipway command"), state.locked():
        pass
    with state.locked():
        pass


def test_a_long_path_gets_its_sockets_elsewhere(tmp_path: Path) -> None:
    assert StateFolder(Path("/short")).sockets == Path("/short/run")
    first, second = (StateFolder(Path("/" + "x" * 90 + end)).sockets for end in "ab")
    assert len(str(first)) < 85
    assert first != second


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_private(file, "long content")
    write_private(file, "short", mode=0o700)
    assert file.read_text() == "short"
    assert stat.S_IMODE(file.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == [file]
