import datetime as dt
import io
import signal
import threading
from urllib.parse import urlsplit

import pytest

from slipway.resources import LandingBucket, landing_moves
from slipway.resources.landing import (
    LandingError,
    LandingObject,
    LandingUnavailableError,
    MissingObjectError,
    SupersededObjectError,
)
from slipway.testing.ports import free_port


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


def test_pages_go_by_key_from_a_key_on(landing):
    for key in ("d/b", "d/a.csv", "d/a/x", "d/ü", "e"):
        landing.write(key, b"1")
    every = [found.key for page in landing.pages("d") for found in page]
    assert every == ["d/a.csv", "d/a/x", "d/b", "d/ü"]
    assert [found.key for page in landing.pages("d", after="d/a/x") for found in page] == ["d/b", "d/ü"]
    assert list(landing.pages("d", after="d/ü")) in ([], [[]])


def test_a_download_is_of_the_version_asked_for(landing):
    landing.write("a", b"one")
    old = landing.find("a")
    with landing.download("a", old.version) as download:
        assert download.found.size == 3
        assert b"".join(download.chunks) == b"one"
    landing.write("a", b"three")
    with pytest.raises(SupersededObjectError, match="a: version"), landing.download("a", old.version):
        pass
    with landing.download("a") as download:
        assert download.found.version == landing.find("a").version != old.version
    with pytest.raises(MissingObjectError), landing.download("b", old.version):
        pass


def test_moving_a_version_moves_no_other(landing):
    landing.write("in/a", b"one")
    found = landing.find("in/a")
    landing.write("in/a", b"three")
    with pytest.raises(SupersededObjectError):
        landing.move_version(found, "aside/a")
    assert keys(landing) == ["in/a"]
    assert landing.move_version(landing.find("in/a"), "aside/a")
    assert keys(landing) == ["aside/a"]
    assert landing.read("aside/a") == b"three"
    with pytest.raises(MissingObjectError):
        landing.move_version(found, "aside/b")


def test_what_comes_between_copy_and_delete_stays(s3, tmp_path, monkeypatch):
    landing = LandingBucket(url=f"{s3}/{tmp_path.name}", retry_seconds=2)
    landing.write("in/a", b"bad")
    found = landing.find("in/a")
    whole = landing_moves._client

    def client():
        made = whole()
        copy = made.copy_object

        def copied(**arguments):
            copy(**arguments)
            landing.write("in/a", b"newer")

        made.copy_object = copied
        return made

    monkeypatch.setattr(landing_moves, "_client", client)
    assert landing.move_version(found, "aside/a") is False
    assert landing.read("in/a") == b"newer"
    assert landing.read("aside/a") == b"bad"


@pytest.fixture
def in_parts(s3, tmp_path, monkeypatch):
    """A zone with an object of nine parts, `in/a`; and a function that has something called before each of their copies."""
    landing = LandingBucket(url=f"{s3}/{tmp_path.name}", retry_seconds=2)
    monkeypatch.setattr(landing_moves, "PART", 5 * 1024**2)
    monkeypatch.setattr(landing_moves, "PARTS_AT_ONCE", 3)
    landing.write("in/a", bytes(range(256)) * (8 * 20_480 + 1))
    whole = landing_moves._client

    def before_each(called):
        def client():
            made = whole()
            copy = made.upload_part_copy
            made.upload_part_copy = lambda **arguments: (called(arguments["PartNumber"]), copy(**arguments))[
                1
            ]
            return made

        monkeypatch.setattr(landing_moves, "_client", client)

    return landing, before_each


def unfinished(landing):
    bucket = urlsplit(landing.url).netloc
    return landing_moves._client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def test_a_large_object_is_copied_so_many_parts_at_once_and_no_more(in_parts):
    landing, before_each = in_parts
    content = landing.read("in/a")
    together, copying = threading.Barrier(3), threading.Semaphore(3)

    def called(number):
        assert copying.acquire(blocking=False)
        together.wait(60)
        copying.release()

    before_each(called)
    assert landing.move_version(landing.find("in/a"), "aside/a")
    assert keys(landing) == ["aside/a"]
    assert landing.read("aside/a") == content
    assert unfinished(landing) == []


def test_a_large_object_that_is_overwritten_while_it_is_copied_leaves_nothing_behind(in_parts):
    landing, before_each = in_parts
    before_each(lambda number: landing.write("in/a", b"newer") if number == 5 else None)
    with pytest.raises(SupersededObjectError, match="in/a"):
        landing.move_version(landing.find("in/a"), "aside/a")
    assert keys(landing) == ["in/a"]
    assert landing.read("in/a") == b"newer"
    assert unfinished(landing) == []


def test_a_step_that_is_terminated_in_the_middle_of_a_copy_leaves_nothing_behind(in_parts):
    landing, before_each = in_parts
    main = threading.main_thread().ident

    def called(number):
        if number == 5:
            signal.pthread_kill(main, signal.SIGINT)

    before_each(called)
    with pytest.raises(KeyboardInterrupt):
        landing.move_version(landing.find("in/a"), "aside/a")
    assert keys(landing) == ["in/a"]
    assert unfinished(landing) == []


def test_without_an_etag_size_and_time_tell_versions_apart():
    first = LandingObject("a", 1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert first.version == "1-20260101T000000"
    assert LandingObject("a", 1, first.modified, "c4ca").version == "c4ca"


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
