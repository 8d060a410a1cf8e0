import datetime as dt
import io

import pytest

from slipway.resources import LandingBucket
from slipway.resources.landing import LandingError, LandingUnavailableError, MissingObjectError

from .conftest import free_port


@pytest.fixture(params=["s3", "file"])
def landing(request, tmp_path):
    if request.param == "file":
        return LandingBucket(url=f"file://{tmp_path}/landing", retry_seconds=2)
    url = request.getfixturevalue("s3")
    return LandingBucket(url=f"{url}/{tmp_path.name}", retry_seconds=2)


def keys(landing, prefix="", **options):
    return sorted(found.key for found in landing.list(prefix, **options))


def test_what_is_written_is_listed_and_read(landing):
    landing.write("2026/a b.csv", b"one")
    landing.write("2026/ü.csv", b"")
    landing.write("2027/a.csv", b"three")
    assert keys(landing) == ["2026/a b.csv", "2026/ü.csv", "2027/a.csv"]
    assert keys(landing, "2026") == ["2026/a b.csv", "2026/ü.csv"]
    assert [(found.key, found.size) for found in landing.list("2027")] == [("2027/a.csv", 5)]
    assert landing.read("2026/a b.csv") == b"one"
    assert landing.read("2026/ü.csv") == b""


def test_listing_since_a_time_leaves_out_what_is_older(landing):
    landing.write("a", b"1")
    modified = next(landing.list()).modified
    assert modified.tzinfo is not None
    assert abs(dt.datetime.now(dt.UTC) - modified) < dt.timedelta(minutes=1)
    assert keys(landing, since=modified) == ["a"]
    assert keys(landing, since=modified + dt.timedelta(seconds=1)) == []


def test_a_listing_is_longer_than_a_page(landing):
    for number in range(1005):
        landing.write(f"many/{number:04}", b"")
    assert len(keys(landing, "many")) == 1005


def test_an_empty_zone_lists_nothing(landing):
    assert keys(landing) == []


def test_streams_are_written_whole_or_not_at_all(landing):
    landing.write("big", (bytes([number]) * 1_000_000 for number in range(20)))
    landing.write("file", io.BytesIO(b"x" * 100))
    assert len(landing.read("big")) == 20_000_000
    assert landing.read("file") == b"x" * 100

    def failing():
        yield b"x" * 10_000_000
        raise ZeroDivisionError("in the asset")

    with pytest.raises(ZeroDivisionError):
        landing.write("torn", failing())
    assert keys(landing) == ["big", "file"]


def test_an_opened_object_is_a_seekable_file(landing):
    landing.write("a.csv", b"id,amount\n1,2.5\n2,3.5\n")
    file = landing.open("a.csv")
    assert bytes(file.read(9)) == b"id,amount"
    file.seek(0)
    assert len(bytes(file.read())) == 22


def test_moving_leaves_one(landing):
    landing.write("in/a", b"new")
    landing.write("done/a", b"old")
    landing.move("in/a", "done/a")
    assert keys(landing) == ["done/a"]
    assert landing.read("done/a") == b"new"


def test_a_missing_object_is_named(landing):
    for action in (landing.read, landing.open, lambda key: landing.move(key, "b")):
        with pytest.raises(MissingObjectError, match="in/a: there is no such object") as caught:
            action("in/a")
        assert landing.url in str(caught.value)
        assert caught.value.allow_retries is False


def test_a_missing_bucket_is_named(s3):
    landing = LandingBucket(url="s3://nowhere", retry_seconds=2)
    for action in (lambda: list(landing.list()), lambda: landing.write("a", b""), lambda: landing.read("a")):
        with pytest.raises(MissingObjectError, match=r"s3://nowhere/.*bucket does not exist"):
            action()


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_denied_access_is_said_and_not_retried(s3, monkeypatch, variable):
    monkeypatch.setenv(variable, "wr0ng")
    landing = LandingBucket(url=s3, retry_seconds=30)
    for action in (lambda: list(landing.list()), lambda: landing.write("a", b""), lambda: landing.read("a")):
        with pytest.raises(LandingError, match=r"access denied.*AWS_ACCESS_KEY_ID") as caught:
            action()
        assert caught.value.allow_retries is False
        assert "wr0ng" not in str(caught.value)


def test_a_server_that_is_down_is_said_after_the_time_allowed(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(LandingUnavailableError, match=r"s3://landing/a: .* up to 1 s") as caught:
        LandingBucket(url=s3, retry_seconds=1).read("a")
    assert caught.value.allow_retries is True
