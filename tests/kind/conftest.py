from collections.abc import Iterator

import pytest

from slipway.cache import locked
from slipway.cluster.errors import EngineError
from slipway.cluster.kind import Kind
from slipway.deploy import charts, verification
from slipway.deploy.deployment import Deployment
from slipway.graphql import GraphQL
from support.cluster import ROOT, Namespace, namespace, open_cluster, push_busybox
from support.deployed import open_deployment, slipway


@pytest.fixture(scope="session")
def cluster() -> Kind:
    try:
        found = open_cluster()
    except EngineError as error:
        pytest.skip(f"no container engine: {error}")
    if not found.nodes():
        pytest.skip("no cluster: `make kind-up`")
    return found


@pytest.fixture(scope="session")
def deployed(cluster: Kind, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Deployment:
    """The environment kind, deployed; with the official chart, whose version it prints."""
    try:
        chart = charts.find(ROOT, charts.CONTROL_PLANE)
    except charts.ChartMissingError as missing:
        pytest.skip(f"{missing} {missing.hint}")
    print(f"chart {charts.version(chart)}, images {cluster.repository.versions['DAGSTER_VERSION']}")  # noqa: T201 - in the summary of a run
    # Of several workers the first deploys, and the others wait for it: their folders are beside each other.
    own = tmp_path_factory.getbasetemp()
    done = (own if worker_id == "master" else own.parent) / "deployed"
    with locked(done):
        if not done.exists():
            slipway("deploy", "--env", "kind")
            done.touch()
    return open_deployment(cluster)


@pytest.fixture
def api(deployed: Deployment) -> Iterator[GraphQL]:
    """The GraphQL API of one webserver's pod."""
    pod = verification.webserver_pods(deployed.cluster)[0]
    with verification.webserver(deployed.cluster, pod) as served:
        yield served


@pytest.fixture(scope="module")
def space(cluster: Kind) -> Iterator[Namespace]:
    with namespace(cluster) as made:
        yield made


@pytest.fixture(scope="session")
def busybox(cluster: Kind, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image in the local registry with a shell; /text says where it comes from."""
    return push_busybox(cluster, tmp_path_factory.mktemp("image"), "came over the registry")
