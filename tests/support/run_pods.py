"""The pod that a run of a code location gets in an environment, from the rendered releases alone.

As Dagster's run launcher makes it: from the instance's dagster.yaml and the container context that the location's code server
reports. No cluster, no database.
"""

import tempfile
from pathlib import Path
from typing import Any

import kubernetes.client
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.test_utils import environ
from dagster._serdes import ConfigurableClassData
from dagster_k8s.job import construct_dagster_k8s_job

from slipway.deploy.releases import Release
from support import kubernetes_api, rendering
from support.rendering import Pod

_CONTEXT = "DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"


def settings(environment: str) -> dict[str, Any]:
    """Return the instance settings of an environment's control plane."""
    text = rendering.find(environment, "ConfigMap", "dagster-instance")["data"]["dagster.yaml"]
    return dict(yaml.safe_load(text))


def of(environment: str, release: Release) -> Pod:
    """Return the pod of a run of the code location that `release` deploys."""
    server = next(rendering.pods(iter(rendering.documents(environment, release.name)))).spec["containers"][0]
    variables = {each["name"]: each.get("value") for each in server["env"]}
    # What the code server's process sees.
    context = yaml.safe_load(variables[_CONTEXT].replace("$$(", "$("))
    origin = RepositoryPythonOrigin(
        "python", ModuleCodePointer("m", "f", None), server["image"], container_context=context
    )
    run = DagsterRun(job_name="job", job_code_origin=JobPythonOrigin("job", origin))
    launcher = _launcher(environment)
    context_of_run = launcher.get_container_context_for_run(run)
    job = construct_dagster_k8s_job(
        context_of_run.get_k8s_job_config(server["image"], launcher),
        ["true"],
        "a-run",
        user_defined_k8s_config=context_of_run.run_k8s_config,
        component="run_worker",
        labels={"dagster/code-location": release.code_location or ""},
    )
    template = kubernetes.client.ApiClient().sanitize_for_serialization(job)["spec"]["template"]
    return Pod(f"run of {release.name}", template["metadata"]["labels"], template["spec"])


def _launcher(environment: str) -> Any:
    """Return the run launcher, with a client for no cluster: whatever the user's own kubeconfig says, or lacks."""
    written = settings(environment)["run_launcher"]
    namespace = rendering.RELEASES.target(environment).namespace
    with (
        tempfile.TemporaryDirectory() as folder,
        environ({"DAGSTER_K8S_PIPELINE_RUN_NAMESPACE": namespace}),
    ):
        config = {
            **written["config"],
            "load_incluster_config": False,
            "kubeconfig_file": kubernetes_api.kubeconfig(Path(folder), "https://nowhere.invalid"),
        }
        data = ConfigurableClassData(written["module"], written["class"], yaml.safe_dump(config))
        return data.rehydrate(as_type=object)
