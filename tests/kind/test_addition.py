"""One more code location on a running platform: the control plane learns of it without a restart.

The location is a module of this test on top of an image of `sales`. Its schedule is on from the start: that it fires is the daemon's
part of the proof.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slipway.cluster.kind import Kind
from slipway.deploy import deployment, verification
from slipway.deploy.deployment import Deployment
from slipway.deploy.releases import read_releases
from slipway.graphql import GraphQL
from slipway.progress import Steps
from support import variant
from support.deployed import control_plane, locations, pod_of_run, succeed, until

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]
NAME = "added"
MODULE = """
import dagster as dg


@dg.op
def greet(context: dg.OpExecutionContext) -> None:
    context.log.info("hello")


@dg.job(executor_def=dg.in_process_executor)
def greeting() -> None:
    greet()


minutely = dg.ScheduleDefinition(
    name="minutely", job=greeting, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
defs = dg.Definitions(jobs=[greeting], schedules=[minutely])
"""
VALUES = {
    "serviceAccount": {"name": NAME},
    "deployment": {
        "name": NAME,
        "dagsterApiGrpcArgs": ["--python-file", "/code/added.py", "--location-name", NAME],
    },
}


@pytest.fixture
def enlarged(cluster: Kind, deployed: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """The environment with one more code location, as its files would say it; not deployed yet, and taken away afterwards."""
    for folder in ("charts-values", "helm"):
        shutil.copytree(deployed.root / folder, tmp_path / folder)
    values = tmp_path / "charts-values"
    rewrite(
        values / "platform/values.yaml", lambda text: text["codeLocations"].update({NAME: {"service": NAME}})
    )
    rewrite(values / "releases.yaml", lambda text: text["releases"].append(release_like_sales(text)))
    (values / f"code-locations/{NAME}.yaml").write_text(yaml.safe_dump(VALUES))
    tag = variant.push(cluster, deployed, "sales", NAME, module=MODULE)
    yield replace(
        deployed, root=tmp_path, releases=read_releases(tmp_path), tags={**deployed.tags, NAME: tag}
    )
    deployed.cluster.run("delete", "jobs", "-l", f"dagster/code-location={NAME}")
    deployed.helm._call(["uninstall", NAME, "--wait"])
    deployment.deploy(deployed, [deployed.releases.release("platform", "kind")], Steps())
    verification.served(deployed.cluster, locations(deployed), lambda _: None)


def rewrite(file: Path, change: object) -> None:
    text = yaml.safe_load(file.read_text())
    assert callable(change)
    change(text)
    file.write_text(yaml.safe_dump(text, sort_keys=False))


def release_like_sales(listed: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    (sales,) = (each for each in listed["releases"] if each["name"] == "sales")
    return yaml.safe_load(yaml.safe_dump(sales).replace("sales", NAME))  # type: ignore[no-any-return]


def run_of_the_schedule(api: GraphQL) -> str | None:
    """Return its newest run, which may be one of an earlier call of this test."""
    found = api.latest_run("dagster/schedule_name", "minutely")
    return found[0] if found else None


def test_a_location_is_added_without_a_restart_and_its_schedule_fires(
    deployed: Deployment, enlarged: Deployment, api: GraphQL
) -> None:
    before, earlier = control_plane(deployed), run_of_the_schedule(api)
    releases = [enlarged.releases.release(name, "kind") for name in ("platform", NAME)]
    assert deployment.deploy(enlarged, releases, Steps()) == ["platform", NAME]
    verification.served(enlarged.cluster, ["orders", "sales", "editorial", NAME], lambda _: None)
    until("a run of the schedule", 240, lambda: run_of_the_schedule(api) != earlier)
    run = run_of_the_schedule(api)
    assert run
    succeed(api, run)
    pod = pod_of_run(deployed, run)
    assert f"/slipway/{NAME}:{enlarged.tags[NAME]}" in pod["spec"]["containers"][0]["image"]
    assert pod["spec"]["serviceAccountName"] == NAME
    assert control_plane(deployed) == before
