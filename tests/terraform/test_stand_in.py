"""All of dev, applied to ministack, planned again without a difference, and destroyed with nothing left. Minutes: waiting, mostly.

In the order of the file: the last test takes away what the others look at.
"""

import json
import re
import shutil
import sys

import pytest
import yaml
from typer.testing import CliRunner

from slipway.cli import app
from slipway.deploy.releases import VALUES
from support import infrastructure as infra
from support import rendering, stand_in
from support.policies import ACCOUNT, ALLOWED, DENIED, NOT_ALLOWED, Policies, Request

pytestmark = pytest.mark.apply
DEV, PROD = "environments/dev", "environments/prod"
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/administrator"
S3 = "s3.amazonaws.com"
_KINDS = (
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_kms_key",
    "aws_s3_bucket_policy",
    "aws_sqs_queue",
    "aws_sqs_queue_policy",
)


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
    printed = {name: {**each, "value": _anonymous(each["value"])} for name, each in applied.outputs().items()}
    assert infra.same_as_recorded("dev", printed, update=pytestconfig.getoption("--update-outputs"))


def test_prods_outputs_are_recorded_where_that_is_asked_for(tmp_path, pytestconfig):
    if not pytestconfig.getoption("--update-outputs"):
        pytest.skip("only with --update-outputs; tests/terraform/test_examples.py compares them with a plan")
    with stand_in.running() as address:
        prod = stand_in.Applied(infra.copied(tmp_path) / PROD, address)
        infra.succeeded(prod.call("init"))
        infra.succeeded(prod.call("apply", "-auto-approve", "-parallelism=30"))
        printed = {
            name: {**each, "value": _anonymous(each["value"])} for name, each in prod.outputs().items()
        }
    assert infra.same_as_recorded("prod", printed, update=True)


def test_make_values_asks_terraform_and_writes_what_the_charts_are_rendered_with(
    applied, tmp_path, monkeypatch
):
    shutil.copytree(
        rendering.CHECKOUT / VALUES, tmp_path / VALUES, ignore=shutil.ignore_patterns("*.generated.yaml")
    )
    for name in ("dg.toml", "versions.env", "code_locations"):
        (tmp_path / name).symlink_to(rendering.CHECKOUT / name)
    (tmp_path / "terraform").symlink_to(applied.folder.parents[1])
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["generate-values", "--env", "dev"])
    assert not result.exception, result.exception
    written = sorted(file.relative_to(tmp_path) for file in (tmp_path / VALUES).rglob("*.generated.yaml"))
    assert [line.split()[-1] for line in result.output.splitlines()] == [str(file) for file in written]
    for file in written:
        with_ours, rendered = (
            yaml.safe_load((root / file).read_text()) for root in (tmp_path, rendering.ROOT)
        )
        assert _anonymous(with_ours) == rendered, file


@pytest.fixture(scope="module")
def policies(applied):
    """Every policy of the state, and an administrator who may do all that no policy of a resource denies."""
    found = list(stand_in.resources(applied.state()["values"]["root_module"]))
    by_type = {kind: [each["values"] for each in found if each["type"] == kind] for kind in _KINDS}
    assert all(by_type.values()), by_type
    roles = {each["name"]: each["arn"] for each in by_type["aws_iam_role"]}
    queues = {each["url"]: each["arn"] for each in by_type["aws_sqs_queue"]}
    resources = {f"arn:aws:s3:::{each['bucket']}": each["policy"] for each in by_type["aws_s3_bucket_policy"]}
    resources |= {queues[each["queue_url"]]: each["policy"] for each in by_type["aws_sqs_queue_policy"]}
    resources |= {each["arn"]: each["policy"] for each in by_type["aws_kms_key"]}
    identities = {arn: [] for arn in roles.values()}
    for each in by_type["aws_iam_role_policy"]:
        identities[roles[each["role"]]].append(json.loads(each["policy"]))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    identities[ADMINISTRATOR] = [{"Version": "2012-10-17", "Statement": [everything]}]
    identities[S3] = []
    return Policies(identities, {arn: json.loads(policy) for arn, policy in resources.items()})


def test_nobody_reaches_a_bucket_or_a_queue_over_plain_http(applied, policies):
    requests = []
    for kind, action, below in (
        ("aws_s3_bucket", "s3:GetObject", "/key"),
        ("aws_sqs_queue", "sqs:SendMessage", ""),
    ):
        arns = [each["values"]["arn"] for each in _of_type(applied, kind)]
        requests += [Request(ADMINISTRATOR, action, f"{arn}{below}") for arn in arns]
        requests += [Request(ADMINISTRATOR, "s3:ListBucket", arn) for arn in arns if kind == "aws_s3_bucket"]
    assert set(policies.decide(requests)) == {ALLOWED}
    plain = [
        Request(each.principal, each.action, each.resource, {"aws:SecureTransport": "false"})
        for each in requests
    ]
    decided = zip(plain, policies.decide(plain), strict=True)
    open_to_it = [request.resource for request, decision in decided if decision != DENIED]
    assert not open_to_it


def test_only_the_landing_bucket_fills_the_queues(applied, policies):
    landing, assets = (
        f"arn:aws:s3:::{applied.outputs()['buckets']['value'][name]}" for name in ("landing", "assets")
    )
    queues = [each["arn"] for each in applied.outputs()["landing_queues"]["value"].values()]
    assert queues
    for queue in queues:
        sent = [
            Request(S3, "sqs:SendMessage", queue, {"aws:SourceArn": bucket, "aws:SourceAccount": account})
            for bucket, account in ((landing, ACCOUNT), (assets, ACCOUNT), (landing, "999999999999"))
        ]
        assert policies.decide(sent) == [ALLOWED, NOT_ALLOWED, NOT_ALLOWED]


def test_each_location_of_the_environment_reaches_its_own_and_no_others(applied, policies):
    specified = applied.local("code_locations")
    outputs = {name: output["value"] for name, output in applied.outputs().items()}
    assert specified.keys() == outputs["code_locations"].keys()
    asked = [
        (name, of, request)
        for name, caller in outputs["code_locations"].items()
        for of, owner in specified.items()
        for request in _uses(caller["role_arn"], of, owner, outputs)
    ]
    decided = policies.decide(request for _, _, request in asked)
    wrong = [
        (name, of, request.action, request.resource, decision)
        for (name, of, request), decision in zip(asked, decided, strict=True)
        if (decision == ALLOWED) != (name == of or _reads(specified[name], request))
    ]
    assert not wrong


def _uses(caller, of, owner, outputs):
    """Yield the requests by which somebody would write and read what a code location of the environment has."""
    buckets = {name: f"arn:aws:s3:::{bucket}" for name, bucket in outputs["buckets"].items()}
    for asset in [of.replace("-", "_"), *owner.get("assets", [])]:
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            yield Request(caller, action, f"{buckets['assets']}/{asset}.parquet")
    for folder in owner.get("landing") or []:
        yield Request(caller, "s3:GetObject", f"{buckets['landing']}/{folder}a.csv")
        yield Request(caller, "sqs:ReceiveMessage", outputs["landing_queues"][of]["arn"])
    for arn in outputs["code_locations"][of]["secret_arns"].values():
        yield Request(caller, "secretsmanager:GetSecretValue", arn)


def _reads(location, request):
    return request.action == "s3:GetObject" and any(
        request.resource.endswith(f"/{asset}.parquet") for asset in location.get("reads") or []
    )


def _of_type(applied, kind):
    return [
        each for each in stand_in.resources(applied.state()["values"]["root_module"]) if each["type"] == kind
    ]


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
