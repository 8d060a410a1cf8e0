"""All of dev, applied to ministack, planned again without a difference, and destroyed with nothing left. Minutes: waiting, mostly.

In the order of the file: the last test takes away what the others look at.
"""

import json
import re
import sys

import pytest

from support import infrastructure as infra
from support import stand_in

pytestmark = pytest.mark.apply
DEV = "environments/dev"


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    with stand_in.running() as address:
        environment = stand_in.Applied(infra.copied(tmp_path_factory.mktemp("applied")) / DEV, address)
        infra.initialise(environment.folder)
        infra.succeeded(environment.call("init"))
        infra.succeeded(environment.call("apply", "-auto-approve", "-parallelism=30"))
        yield environment


@pytest.fixture
def say(capsys):
    def show(text):
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    return show


def test_a_second_plan_changes_nothing(applied, say):
    done = applied.call("plan", "-detailed-exitcode")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    count = len(list(stand_in.resources(applied.state()["values"]["root_module"])))
    assert count
    say(
        f"dev: {count} resources; apply {applied.took['apply']:.0f} s, second plan {applied.took['plan']:.0f} s"
    )


def test_the_outputs_are_those_that_the_charts_are_rendered_with(applied, pytestconfig):
    found = {
        name: {**output, "value": _anonymous(output["value"])} for name, output in applied.outputs().items()
    }
    file = infra.recorded("dev")
    if pytestconfig.getoption("--update-outputs"):
        file.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    assert found == json.loads(file.read_text()), "record them anew: tools/test-terraform --update-outputs"


def test_nothing_is_left_when_it_is_destroyed(applied, say):
    infra.succeeded(applied.call("destroy", "-auto-approve", "-parallelism=30"))
    assert not list(stand_in.resources(applied.state().get("values", {}).get("root_module", {})))
    say(f"dev: destroy {applied.took['destroy']:.0f} s")


def _anonymous(value):
    """Return an output without what differs from one ministack to the next, and with AWS' addresses in place of its own."""
    text = json.dumps(value)
    text = re.sub(r"http://127\.0\.0\.1:\d+/", f"https://sqs.{stand_in.REGION}.amazonaws.com/", text)
    text = re.sub(r"(:secret:[^\"]+)-[0-9a-zA-Z]{6}\"", r'\1-AbCdEf"', text)
    return json.loads(
        text.replace('"localhost"', f'"slipway.cluster-id.{stand_in.REGION}.rds.amazonaws.com"')
    )
