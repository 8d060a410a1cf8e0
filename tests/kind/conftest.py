from collections.abc import Iterator

import pytest

from slipway.cluster.errors import ClusterError
from slipway.cluster.kind import Kind
from support.cluster import Namespace, namespace, open_cluster, push_busybox


@pytest.fixture(scope="session")
def cluster() -> Kind:
    try:
        found = open_cluster()
    except ClusterError as error:
        pytest.skip(f"no container engine: {error}")
    if not found.nodes():
        pytest.skip("no cluster: `make kind-up`")
    return found


@pytest.fixture(scope="module")
def space(cluster: Kind) -> Iterator[Namespace]:
    with namespace(cluster) as made:
        yield made


@pytest.fixture(scope="session")
def busybox(cluster: Kind, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image in the local registry with a shell; /text says where it comes from."""
    return push_busybox(cluster, tmp_path_factory.mktemp("image"), "came over the registry")
