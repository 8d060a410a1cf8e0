"""The warm worker of a code location, as the official chart renders it: its code server's image, and none of its requests."""

import subprocess

import pytest
import yaml

from slipway.deploy import charts
from slipway.deploy.errors import DeployError
from slipway.deploy.values import composed
from support import rendering

LOCATIONS = rendering.ROOT / "charts-values/code-locations"


def values(warm, tmp_path):
    """Return the values of `orders` with these settings of a worker."""
    added = tmp_path / "warm.yaml"
    added.write_text(yaml.safe_dump({"warm": warm}))
    return composed([LOCATIONS / "common.yaml", LOCATIONS / "orders.yaml", added])


@pytest.fixture
def rendered(tmp_path):
    """The objects of `orders` with a worker, by kind and name."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values({"places": 3, "onRequest": ["__ASSET_JOB", "one"]}, tmp_path)))
    try:
        chart = charts.find(rendering.ROOT, charts.CODE_LOCATION)
    except charts.ChartMissingError as missing:
        pytest.skip(str(missing))
    command = [rendering.helm(), "template", "orders", chart, "--values", file]
    command += ["--set-string", "deployments[0].image.repository=registry/orders"]
    command += ["--set-string", "deployments[0].image.tag=1.2.3", *charts.options(charts.CODE_LOCATION)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    documents = filter(None, yaml.safe_load_all(done.stdout))
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def test_it_is_its_code_server_s_twin_and_gets_none_of_its_requests(rendered):
    worker = rendered["Deployment", "orders-warm"]["spec"]["template"]
    server = rendered["Deployment", "orders-dagster-user-deployments-orders"]["spec"]["template"]
    container, twin = worker["spec"]["containers"][0], server["spec"]["containers"][0]
    assert container["image"] == twin["image"] == "registry/orders:1.2.3"
    variables = {each["name"]: each for each in container["env"]}
    theirs = {each["name"]: each for each in twin["env"]}
    del theirs["DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"]
    assert variables == theirs
    options = ["--port", "3030", "--places", "3", "--grace-seconds", "600"]
    assert container["args"][-10:] == [*options, "--on-request", "__ASSET_JOB", "--on-request", "one"]
    assert container["securityContext"] == twin["securityContext"]
    assert worker["spec"]["serviceAccountName"] == server["spec"]["serviceAccountName"]
    selector = rendered["Service", "orders"]["spec"]["selector"]
    assert not selector.items() <= worker["metadata"]["labels"].items()
    assert selector.items() <= server["metadata"]["labels"].items()


def test_it_is_where_the_location_s_runs_have_to_be(tmp_path):
    added = tmp_path / "warm.yaml"
    added.write_text(yaml.safe_dump({"warm": {"places": 1}}))
    made = composed([LOCATIONS / "common.yaml", LOCATIONS / "sales.yaml", added])["extraManifests"][-1]
    assert "podAffinity" in made["spec"]["template"]["spec"]["affinity"]


@pytest.mark.parametrize(
    ("warm", "said"), [({"places": 2, "size": 1}, "has no size"), ({"places": None}, "lacks places")]
)
def test_settings_that_there_are_not_are_refused(warm, said, tmp_path):
    with pytest.raises(DeployError, match=said):
        values(warm, tmp_path)
