"""What our run launcher says of pods that really were killed, evicted, or never started.

The launcher, run monitoring and the instance are in the test's process; the Jobs are the cluster's. A run's pod has busybox
in the place of a code location: what matters here is how it ends.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from slipway.launch.stamps import FAILURE_REASON_TAG, IMAGE_DIGEST_TAG
from support.cluster import Namespace
from support.job_runs import event, job_instance, monitor, new_run, stored
from support.job_runs import launch as launch_run

pytestmark = pytest.mark.kind

SECONDS = 180


@pytest.fixture
def instance(space: Namespace, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(space.kubectl("config", "view", "--raw", "--minify", "--flatten"))
    kubeconfig.chmod(0o600)
    container = {
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    }
    pod = {
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": 65532,
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "termination_grace_period_seconds": 1,
    }
    with job_instance(
        kubeconfig,
        start_timeout_seconds=3600,
        service_account_name="default",
        job_namespace=space.name,
        run_k8s_config={"container_config": container, "pod_spec_config": pod},
    ) as made:
        yield made


@pytest.fixture
def launch(instance: dg.DagsterInstance, busybox: str) -> Callable[..., dg.DagsterRun]:
    """Launch a run whose pod does `script`; tags and the image may differ."""

    def launched(script: str, *, image: str = busybox, pod: Any = None, **container: Any) -> dg.DagsterRun:
        config = {"container_config": {"command": ["/bin/busybox", "sh", "-c", script], **container}}
        if pod:
            config["pod_spec_config"] = pod
        tags = {"dagster-k8s/config": json.dumps(config)}
        run = new_run(instance, DagsterRunStatus.STARTING, image=image, tags=tags)
        launch_run(instance, run)
        return stored(instance, run)

    return launched


def until_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, str]:
    """Let run monitoring look until it gives the run up; return the tag and the message."""
    end = time.monotonic() + SECONDS
    while stored(instance, run).status != DagsterRunStatus.FAILURE:
        assert time.monotonic() < end, "the run was not given up"
        assert monitor(instance) == []
        time.sleep(1)
    (failed,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return stored(instance, run).tags[FAILURE_REASON_TAG], failed.message


def test_more_memory_than_allowed(instance: dg.DagsterInstance, launch: Callable[..., Any]) -> None:
    run = launch("exec /bin/busybox tail /dev/zero", resources={"limits": {"memory": "32Mi"}})
    event(instance, run, dg.DagsterEventType.PIPELINE_START)
    reason, said = until_failed(instance, run)
    assert reason == "OOMKilled"
    assert "32Mi" in said


def test_evicted_by_the_kubelet(instance: dg.DagsterInstance, launch: Callable[..., Any]) -> None:
    run = launch(
        "/bin/busybox head -c 8000000 /dev/zero >/scratch/file; /bin/busybox sleep 600",
        pod={"volumes": [{"name": "scratch", "empty_dir": {"size_limit": "1Mi"}}]},
        volume_mounts=[{"name": "scratch", "mount_path": "/scratch"}],
    )
    event(instance, run, dg.DagsterEventType.PIPELINE_START)
    reason, said = until_failed(instance, run)
    assert reason == "Evicted"
    assert 'emptydir volume "scratch" exceeds the limit' in said.lower()


def test_deleted_job(instance: dg.DagsterInstance, launch: Callable[..., Any], space: Namespace) -> None:
    run = launch("/bin/busybox sleep 600")
    event(instance, run, dg.DagsterEventType.PIPELINE_START)
    assert monitor(instance) == []
    assert stored(instance, run).status == DagsterRunStatus.STARTED
    space.kubectl("delete", "job", f"dagster-run-{run.run_id}")
    assert until_failed(instance, run)[0] == "JobDeleted"


def test_which_image_a_run_got(
    instance: dg.DagsterInstance, launch: Callable[..., Any], space: Namespace, busybox: str
) -> None:
    run = launch("/bin/busybox sleep 600")
    event(instance, run, dg.DagsterEventType.PIPELINE_START)
    name = json.loads(space.kubectl("get", "pods", "-l", f"job-name=dagster-run-{run.run_id}", "-o", "json"))
    space.wait_phase(name["items"][0]["metadata"]["name"], "Running")
    assert monitor(instance) == []
    assert stored(instance, run).tags[IMAGE_DIGEST_TAG].startswith("sha256:")
    assert instance.run_launcher.terminate(run.run_id)


@pytest.mark.parametrize(
    "case",
    [
        ({"image": "localhost:5001/slipway/absent:1"}, "ImagePullError", "localhost:5001/slipway/absent:1"),
        ({"resources": {"requests": {"memory": "900Gi"}}}, "Unschedulable", "Insufficient memory"),
        ({"env_from": [{"secret_ref": {"name": "absent"}}]}, "ContainerError", 'secret "absent" not found'),
        ({"pod": {"host_network": True}}, "PodForbidden", "violates PodSecurity"),
    ],
)
def test_a_run_that_does_not_start(
    instance: dg.DagsterInstance,
    launch: Callable[..., Any],
    space: Namespace,
    case: tuple[dict[str, Any], str, str],
) -> None:
    settings, reason, said = case
    run = launch("/bin/busybox true", **settings)
    job = f"dagster-run-{run.run_id}"
    end = time.monotonic() + SECONDS
    launcher: Any = instance.run_launcher
    while not (seen := launcher.explain(run)) or seen.reason != reason:
        assert time.monotonic() < end, seen
        time.sleep(1)
    instance._settings["run_monitoring"]["start_timeout_seconds"] = 0.001
    tag, message = until_failed(instance, run)
    assert tag == reason
    assert said in message
    assert space.kubectl("get", "job", job, "--ignore-not-found") == ""
