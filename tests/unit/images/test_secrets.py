from pathlib import Path

import pytest

from slipway.images.build import lent_secrets

URL = "https://reader:hunter2@index.example/simple"


def test_the_index_is_lent_as_a_file_that_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", URL)
    with lent_secrets() as arguments:
        # An argument is seen by everyone who lists processes.
        assert "hunter2" not in " ".join(arguments)
        source = Path(arguments[arguments.index("--secret") + 1].partition("src=")[2])
        assert source.read_text() == f"export UV_DEFAULT_INDEX='{URL}'\n"
        assert source.stat().st_mode & 0o077 == 0
    assert not source.exists()


def test_a_bundle_of_certificates_is_a_secret_of_the_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLIPWAY_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with lent_secrets() as arguments:
        assert f"id=ca,src={tmp_path / 'ca.pem'}" in arguments
    for name in ("SLIPWAY_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with lent_secrets() as arguments:
        assert "id=ca" not in " ".join(arguments)
