from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from support.job_runs import job_instance
from support.kubernetes_api import KubernetesApi, kubernetes_api


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with kubernetes_api() as served:
        yield served


@pytest.fixture
def instance(api: KubernetesApi, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with our launcher and run monitoring."""
    with job_instance(
        api.kubeconfig(tmp_path),
        start_timeout_seconds=600,
        only_allow_user_defined_k8s_config_fields={
            "container_config": {"resources": True, "env": True},
            "pod_spec_config": {"node_selector": True, "service_account_name": True},
        },
        only_allow_in_tags={
            "container_config": {"resources": True},
            "pod_spec_config": {"node_selector": True},
        },
    ) as made:
        made.run_launcher._api_client.sleeper = lambda _seconds: None  # type: ignore[attr-defined]
        yield made
