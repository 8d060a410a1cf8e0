"""The environment kind as it is deployed: its runs, its object store, its databases, its pods.

Does not belong here: namespaces of a test's own (`cluster.py`), the local platform (`platform.py`).
"""

import base64
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
import psycopg
from obstore.store import S3Store

from slipway.cluster.kind import Kind
from slipway.deploy import diagnosis, images
from slipway.deploy.deployment import Deployment, connection
from slipway.deploy.kubectl import FORWARD_HOST, Document
from slipway.deploy.releases import read_releases
from slipway.graphql import REPOSITORY, GraphQL
from support.cluster import ROOT

RUN_SECONDS = 300
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_SLIPWAY = Path(sys.executable).with_name("slipway")


def slipway(*arguments: str) -> str:
    """Run the `slipway` command as anybody would; return what it printed."""
    done = subprocess.run([str(_SLIPWAY), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def open_deployment(cluster: Kind) -> Deployment:
    """Return the environment kind of this checkout, deployed or not."""
    releases = read_releases(ROOT)
    target = releases.target("kind")
    builder = images.builder_of(cluster.repository, cluster.engine, lambda _: None)
    return Deployment(
        ROOT,
        "kind",
        releases,
        images.tags(cluster.repository, builder),
        *connection(target, cluster.tools.kubectl, cluster.tools.helm),
    )


def locations(deployed: Deployment) -> list[str]:
    """Return the code locations that have a release, by their Python names."""
    return [each.code_location for each in deployed.releases.of("kind") if each.code_location]


def control_plane(deployed: Deployment) -> list[str]:
    """Return the UIDs of webservers' and daemon's pods: other ones after any restart."""
    pods = diagnosis.pods_of(deployed.cluster, "dagster")
    return sorted(pod["metadata"]["uid"] for pod in pods)


def code_server(deployed: Deployment, release: str) -> str:
    """Return the name of the pod that serves a code location; of two, while one takes over, the new one."""
    pods = deployed.cluster.find("pods", f"component=user-deployments,deployment={release}")
    assert pods, f"{release} is not deployed"
    return str(max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])["metadata"]["name"])


def until(what: str, seconds: float, ask: Any) -> Any:
    """Call `ask` each half second until it returns something true; return that.

    Raises:
        AssertionError: it did not within `seconds`; the message says `what` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return found


def ended(api: GraphQL, run: str, seconds: float = RUN_SECONDS) -> str:
    """Wait until a run has ended and return how."""

    def status() -> str | None:
        now = api.progress(run).status
        return now if now in ENDED else None

    return str(until(f"the end of run {run}", seconds, status))


def succeed(api: GraphQL, run: str, seconds: float = RUN_SECONDS) -> None:
    """Wait until a run has ended, and well."""
    assert ended(api, run, seconds) == "SUCCESS", api.failure(run)


def launch_assets(api: GraphQL, location: str, *assets: str, tags: Mapping[str, str] | None = None) -> str:
    """Launch a run of some assets without partitions of a location, as the UI's button does; return its id."""
    selector = {
        "repositoryLocationName": location,
        "repositoryName": REPOSITORY,
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": asset.split("/")} for asset in assets],
        "assetCheckSelection": [],
    }
    own = [{"key": key, "value": value} for key, value in (tags or {}).items()]
    parameters = {"selector": selector, "runConfigData": {}, "mode": "default"}
    asked = api.ask(_LAUNCH, parameters={**parameters, "executionMetadata": {"tags": own}})
    assert asked["launchRun"]["__typename"] == "LaunchRunSuccess", asked
    return str(asked["launchRun"]["run"]["runId"])


def said(api: GraphQL, run: str) -> str:
    """Return the messages of a run's events, a line each."""
    return "\n".join(event.get("message") or "" for event in api.events(run))


def pod_of_run(deployed: Deployment, run: str) -> Document:
    """Return the pod of a run, as soon as there is one: later if the API is kept from the daemon meanwhile (test_outages.py)."""
    (pod,) = until(
        f"the pod of run {run}",
        180,
        lambda: deployed.cluster.find("pods", f"dagster/run-id={run},app.kubernetes.io/component=run_worker"),
    )
    return dict(pod)


def secret(deployed: Deployment, name: str) -> dict[str, str]:
    """Return the content of a Secret."""
    found = deployed.cluster.get("secret", name)
    assert found, name
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


@contextmanager
def bucket(deployed: Deployment, name: str) -> Iterator[S3Store]:
    """Lend a bucket of the cluster's S3 server, opened with the credentials that its runs have."""
    keys = secret(deployed, "slipway-s3")
    with deployed.cluster.forwarded("s3-0", 9000) as port:
        yield open_bucket(name, f"http://{FORWARD_HOST}:{port}", keys)


def open_bucket(name: str, endpoint: str, keys: Mapping[str, str]) -> S3Store:
    """Return a bucket of an S3 server by the standard AWS variables' names."""
    return S3Store(
        name,
        endpoint=endpoint,
        access_key_id=keys["AWS_ACCESS_KEY_ID"],
        secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        client_options={"allow_http": True},
    )


def contents(store: S3Store) -> dict[str, bytes]:
    """Return every object of a bucket by its key."""
    keys = [each["path"] for page in obstore.list(store) for each in page]
    with ThreadPoolExecutor(8) as pool:
        read = pool.map(lambda key: obstore.get(store, key).bytes().to_bytes(), keys)
        return dict(zip(keys, read, strict=True))


@contextmanager
def database(deployed: Deployment, name: str, user: str, password_in: str) -> Iterator[psycopg.Connection]:
    """Lend a connection to a database of the cluster as `user`, whose password is in the Secret `password_in`."""
    password = secret(deployed, password_in)["password"]
    with (
        deployed.cluster.forwarded("postgres-0", 5432) as port,
        psycopg.connect(
            host=FORWARD_HOST, port=port, dbname=name, user=user, password=password, autocommit=True
        ) as connection,
    ):
        yield connection


_LAUNCH = """mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } ... on PipelineNotFoundError { message } } }"""


@contextmanager
def held_back(deployed: Deployment) -> Iterator[None]:
    """Keep runs that read the order system from getting on while the block lasts."""
    with (
        database(deployed, "order_entry", "order_entry", "order-entry-owner") as connection,
        connection.transaction(),
    ):
        # Waits for a moment in which nobody writes to, or reads, the order system.
        connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        yield
