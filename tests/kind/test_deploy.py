"""The whole platform on the kind cluster, deployed by `slipway deploy` as anybody would.

Needs the official chart (docs/deploy.md says where it is looked for).
"""

import dataclasses

import pytest

from slipway.deploy import deployment
from slipway.deploy.deployment import Deployment
from slipway.deploy.errors import DeployError
from slipway.graphql import GraphQL
from slipway.progress import Steps
from support.deployed import control_plane, slipway, succeed

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]


def test_a_second_call_changes_nothing(deployed: Deployment) -> None:
    before = control_plane(deployed)
    assert "Nothing changed." in slipway("deploy", "--env", "kind")
    said = slipway("diff", "--env", "kind")
    assert said.count("nothing changes") == len(deployed.releases.of("kind"))
    assert control_plane(deployed) == before


def test_assets_are_made_by_a_job_and_stored_on_s3(deployed: Deployment, api: GraphQL) -> None:
    run = api.launch("orders", "daily_pipeline", {"dagster/partition": "2026-03-05"})
    succeed(api, run)
    # The run is over before its process is.
    deployed.cluster.run(
        "wait", "job", "-l", f"dagster/run-id={run}", "--for=condition=complete", "--timeout=60s"
    )
    rows = {each.name: each for each in api.assets()["orders"]}
    assert rows["daily_orders"].materialized >= 1
    assert (rows["daily_orders"].rows or 0) > 0


def test_what_steps_print_is_read_through_the_webserver(deployed: Deployment, api: GraphQL) -> None:
    run = api.launch("orders", "canary", {})
    succeed(api, run)
    # The pod, and with it whatever its disk had, is of no more use.
    deployed.cluster.run("delete", "job", "-l", f"dagster/run-id={run}", "--wait")
    found = api.ask(_LOGS, run=run)["runOrError"]["eventConnection"]["events"]
    keys = [event["fileKey"] for event in found if event.get("fileKey")]
    read = [api.ask(_LOG, key=[run, "compute_logs", key])["capturedLogs"]["stderr"] for key in keys]
    assert any("stored on" in (text or "") for text in read)


def test_a_broken_image_leaves_the_old_code_serving(deployed: Deployment, api: GraphQL) -> None:
    broken = dataclasses.replace(deployed, tags={**deployed.tags, "sales": "no-such-tag"})
    release = deployed.releases.release("sales", "kind")
    with pytest.raises(DeployError, match=r"ImagePullBackOff|ErrImagePull") as failed:
        deployment.deploy(broken, [release], Steps())
    assert "brought back" in failed.value.hint
    assert "sales" in {each.name for each in api.locations() if not each.error}
    assert deployed.differences(release) == {}


_LOGS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run { eventConnection { events {
  ... on LogsCapturedEvent { fileKey } } } } } }"""
_LOG = "query ($key: [String!]!) { capturedLogs(logKey: $key) { stderr } }"
