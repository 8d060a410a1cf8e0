"""A real Postgres for the tests, and databases on it."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from databases import DEMO
from landing_zone import Zone, endpoint
from s3_server import S3Server, serving

from orders.defs.arrivals.settings import ArrivalSettings
from orders.demo.load import load
from slipway.testing.postgres import Database, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(server: Database) -> Callable[[str], Database]:
    """Make an empty database of that name."""
    return server.made_anew


@pytest.fixture(scope="session")
def demo(new_database: Callable[[str], Database]) -> Database:
    """A database with the DEMO history. Not to be changed."""
    database = new_database("demo")
    load(database.url, DEMO, replace=False, say=lambda _: None)
    return database


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an S3 and SQS endpoint, with the standard variables set to it."""
    with (
        endpoint(tmp_path_factory.mktemp("aws") / "log") as url,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("AWS_ENDPOINT_URL", url)
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield url


@pytest.fixture
def new_zone(aws: str, request: pytest.FixtureRequest) -> Callable[..., Zone]:
    """Make a landing zone of the test's own, with these settings."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    return lambda **settings: Zone(name, ArrivalSettings(**settings))


@pytest.fixture
def zone(new_zone: Callable[..., Zone]) -> Zone:
    return new_zone(max_bytes=100_000)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """An S3 server, with the standard variables set to it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def daemon(
    s3: S3Server, new_database: Callable[[str], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Daemon:
    """A sensor daemon over a landing zone and a folder for assets of the test's own, both of its home's name."""
    for bucket in ("landing", "assets"):
        (s3.buckets / bucket).mkdir(exist_ok=True)
    monkeypatch.setenv("SLIPWAY_LANDING_URL", f"s3://landing/{tmp_path.name}")
    monkeypatch.setenv("SLIPWAY_STORAGE_URL", f"s3://assets/{tmp_path.name}")
    return Daemon(tmp_path, new_database("daemon"))
