import subprocess
import sys
import time

import obstore
import pytest
from obstore.exceptions import BaseError

from slipway.storage.errors import StorageCredentialsError, StorageUrlError
from slipway.storage.store import open_store


@pytest.mark.parametrize("url", ["", "bucket", "/data", "s3://", "gs://b", "file://data", "file://host/data"])
def test_other_urls_are_refused_with_the_accepted_forms(url: str) -> None:
    with pytest.raises(StorageUrlError, match="s3://bucket/prefix or file:///folder"):
        open_store(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUrlError, match=r"file/below can't be used as storage"):
        open_store((tmp_path / "file/below").as_uri())


def test_a_path_below_the_url_is_relative_to_its_prefix(s3) -> None:
    obstore.put(open_store("s3://assets/some%20prefix/"), "x", b"1")
    assert "some prefix/x" in s3.files()


def test_plain_http_needs_an_endpoint_that_says_so(s3, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.environment["AWS_ENDPOINT_URL"].replace("http:", "https:"))
    with pytest.raises(BaseError):
        obstore.put(open_store("s3://assets", retry_seconds=0.2), "x", b"1")
    assert s3.files() == set()


def test_an_endpoint_without_credentials_fails_at_once_and_says_what_to_set(monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(StorageCredentialsError, match="AWS_ACCESS_KEY_ID"):
        open_store("s3://assets")


def test_a_profile_is_said_not_to_be_read(monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "work")
    with pytest.raises(StorageCredentialsError, match="export-credentials"):
        open_store("s3://assets")


def test_a_refused_connection_is_tried_again_for_the_time_that_was_given(s3) -> None:
    s3.kill()
    start = time.monotonic()
    with pytest.raises(BaseError):
        obstore.put(open_store("s3://assets", retry_seconds=2.0), "x", b"1")
    # The library's own patience is three minutes.
    assert 1.0 < time.monotonic() - start < 90


CHEAP = """
import resource, sys
import dagster, pandas
before = resource.getrusage(resource.RUSAGE_SELF)
import slipway.storage
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
print([name for name in sys.modules if name.split(".")[0] in ("obstore", "boto3", "fsspec") or name == "pyarrow.parquet"])
"""


def test_importing_the_package_costs_little_beyond_dagster_and_pandas() -> None:
    lines = subprocess.run(
        [sys.executable, "-c", CHEAP], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    assert float(lines[0]) < 0.3
    assert lines[1] == "[]"


def test_pandas_is_not_imported_by_the_package() -> None:
    code = "import sys, slipway.storage; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
