"""What a code location's role may do, and that none may do what is another's: the policies of terraform/modules/identity, planned by
the real provider without an account, and decided by an evaluator of AWS' rules.

The names of assets and folders are as unfortunate as they may be: each is the beginning of another's.
"""

import itertools
import json

import pytest

from support import infrastructure as infra
from support.policies import ACCOUNT, ALLOWED, NOT_ALLOWED, Policies, Request

REGION = "eu-central-1"
ASSETS, LOGS, LANDING = (
    f"arn:aws:s3:::slipway-test-{name}" for name in ("assets", "compute-logs", "landing")
)
KEY, SECRETS_KEY = (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}" for name in ("storage", "secrets"))
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:slipway-test"
LOCATIONS = {
    name: {
        "assets": assets,
        "reads": reads,
        "landing": [f"{folder}/"],
        "queue_arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:slipway-test-landing-{name}",
        "secret_arns": [f"{SECRET}/{name}-database-AbCdEf"],
    }
    for name, assets, reads, folder in (
        ("one", ["raw"], ["total"], "in"),
        ("one-more", ["raw_orders"], [], "in-more"),
        ("other", ["total", "ra"], ["raw_orders"], "i"),
    )
}
_TEST = """
provider "aws" {{
  region                      = "{region}"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}}

override_data {{
  target = data.aws_caller_identity.current
  values = {{ account_id = "{account}" }}
}}

run "policies" {{
  command = plan

  variables {{
{variables}
  }}
}}
"""
# As AWS makes it for a key without a policy: the account's own policies decide.
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
AGENT, STRANGER = "pods.eks.amazonaws.com", "ec2.amazonaws.com"
ACCOUNTS = {
    **{f"location-{name}": ("slipway", name) for name in LOCATIONS},
    "control-plane": ("slipway", "dagster"),
    "external-secrets": ("external-secrets", "external-secrets"),
    "cluster-autoscaler": ("kube-system", "cluster-autoscaler"),
}
"""Of each role, the namespace and name of its ServiceAccount."""
PAIRS = list(itertools.permutations(LOCATIONS, 2))


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """The policies of every role, by its name, as the provider writes them."""
    folder = infra.copied(tmp_path_factory.mktemp("policies")) / "modules/identity"
    variables = {
        "name": "slipway-test",
        "namespace": "slipway",
        "cluster_name": "slipway-test",
        "bucket_arns": {"assets": ASSETS, "compute_logs": LOGS, "landing": LANDING},
        "storage_key_arn": KEY,
        "secrets_key_arn": SECRETS_KEY,
        "secret_arns": [f"{SECRET}/dagster-AbCdEf", *(each["secret_arns"][0] for each in LOCATIONS.values())],
        "code_locations": LOCATIONS,
    }
    lines = "\n".join(f"    {name} = {json.dumps(value)}" for name, value in variables.items())
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests/decisions.tftest.hcl").write_text(
        _TEST.format(region=REGION, account=ACCOUNT, variables=lines)
    )
    infra.initialise(folder)
    done = infra.terraform().call(folder, "test", "-filter=tests/decisions.tftest.hcl", "-verbose", "-json")
    events = [json.loads(line) for line in infra.succeeded(done).splitlines()]
    (plan,) = (each["test_plan"] for each in events if each["type"] == "test_plan")
    written = plan["output_changes"]["policies"]["after"]
    identities = {role(name): [json.loads(policy)] for name, policy in written.items()}
    trusts = {
        role(each["index"]): json.loads(each["change"]["after"]["assume_role_policy"])
        for each in plan["resource_changes"]
        if each["type"] == "aws_iam_role"
    }
    assert trusts.keys() == identities.keys()
    resources = {**dict.fromkeys((KEY, SECRETS_KEY), KEY_POLICY), **trusts}
    return Policies({**identities, AGENT: [], STRANGER: []}, resources)


def role(name):
    return f"arn:aws:iam::{ACCOUNT}:role/slipway-test-{name}"


def location(name):
    return role(f"location-{name}")


def uses(caller, of):
    """Return the requests by which a caller would use what is a location's own: one of each kind."""
    owner = LOCATIONS[of]
    asset, folder, by_s3 = (
        owner["assets"][0],
        owner["landing"][0],
        {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
    )
    keys = [f"{ASSETS}/{asset}.parquet", f"{ASSETS}/{asset}/2026-01-01.parquet", f"{LANDING}/{folder}a.csv"]
    keys.append(f"{LANDING}/quarantine/{folder}a.csv")
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        yield from (Request(caller, action, key) for key in keys)
    for bucket, prefix in ((ASSETS, f"{asset}/"), (ASSETS, f"{asset}.parquet"), (LANDING, folder)):
        yield Request(caller, "s3:ListBucket", bucket, {"s3:prefix": prefix})
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        yield Request(caller, action, owner["queue_arn"])
    yield Request(caller, "secretsmanager:GetSecretValue", owner["secret_arns"][0])
    if caller == location(of):
        yield Request(caller, "kms:Decrypt", KEY, by_s3)


def not_as(wanted, policies, requests):
    requests = list(requests)
    decided = zip(requests, policies.decide(requests), strict=True)
    return [(request, decision) for request, decision in decided if decision != wanted]


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_location_may_use_what_is_its_own(policies, name):
    assert not not_as(ALLOWED, policies, uses(location(name), name))


def test_no_location_may_use_what_is_anothers_but_read_what_it_says_it_reads(policies):
    requests = [request for name, of in PAIRS for request in uses(location(name), of)]
    wanted = {
        (location(name), request.action, request.resource, request.context.get("s3:prefix"))
        for name, of in PAIRS
        for request in uses(location(name), of)
        if set(LOCATIONS[name]["reads"]) & {LOCATIONS[of]["assets"][0]}
        and (request.action, request.resource.partition("/")[0])
        in {("s3:GetObject", ASSETS), ("s3:ListBucket", ASSETS)}
    }
    allowed = {
        (request.principal, request.action, request.resource, request.context.get("s3:prefix"))
        for request, decision in not_as(NOT_ALLOWED, policies, requests)
    }
    assert wanted
    assert allowed == wanted


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_location_may_nothing_else(policies, name):
    me = location(name)
    by_ec2 = {"kms:ViaService": f"ec2.{REGION}.amazonaws.com"}
    assert not not_as(
        NOT_ALLOWED,
        policies,
        [
            Request(me, "s3:ListBucket", ASSETS),
            Request(me, "s3:ListBucket", ASSETS, {"s3:prefix": ""}),
            Request(me, "s3:ListBucket", LANDING, {"s3:prefix": ""}),
            Request(me, "s3:GetObject", f"{LOGS}/another-run/step.out"),
            Request(me, "s3:DeleteObject", f"{LOGS}/another-run/step.out"),
            Request(me, "s3:PutBucketPolicy", ASSETS),
            Request(me, "s3:DeleteBucket", ASSETS),
            Request(me, "kms:Decrypt", KEY),
            Request(me, "kms:Decrypt", KEY, by_ec2),
            Request(me, "secretsmanager:GetSecretValue", f"{SECRET}/dagster-AbCdEf"),
            Request(me, "secretsmanager:PutSecretValue", LOCATIONS[name]["secret_arns"][0]),
            Request(me, "sqs:SendMessage", LOCATIONS[name]["queue_arn"]),
            Request(me, "iam:PassRole", location(name)),
            Request(me, "sts:AssumeRole", role("control-plane")),
        ],
    )


def test_the_control_plane_and_external_secrets_reach_no_data(policies):
    assert not not_as(
        NOT_ALLOWED,
        policies,
        (
            request
            for caller in (role("control-plane"), role("external-secrets"), role("cluster-autoscaler"))
            for name in LOCATIONS
            for request in uses(caller, name)
            if (caller, request.action) != (role("external-secrets"), "secretsmanager:GetSecretValue")
        ),
    )


def test_the_control_plane_shows_what_steps_print_and_external_secrets_reads_what_is_listed(policies):
    key = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    assert not not_as(
        ALLOWED,
        policies,
        [
            Request(role("control-plane"), "s3:GetObject", f"{LOGS}/run/step.out"),
            Request(role("external-secrets"), "secretsmanager:GetSecretValue", f"{SECRET}/dagster-AbCdEf"),
            Request(role("external-secrets"), "kms:Decrypt", SECRETS_KEY, key),
        ],
    )


def takes(name, account, cluster="slipway-test", by=AGENT):
    """Return the request by which the agent of a cluster takes a role for a pod of a ServiceAccount."""
    tags = {
        "eks-cluster-arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{cluster}",
        "kubernetes-namespace": account[0],
        "kubernetes-service-account": account[1],
    }
    return Request(
        by, "sts:AssumeRole", role(name), {f"aws:RequestTag/{key}": tag for key, tag in tags.items()}
    )


def test_a_role_is_taken_for_its_own_service_account_of_its_own_cluster_alone(policies):
    own = [takes(name, account) for name, account in ACCOUNTS.items()]
    assert not not_as(ALLOWED, policies, own)
    others = [takes(name, ACCOUNTS[other]) for name, other in itertools.permutations(ACCOUNTS, 2)]
    others += [takes(name, ("elsewhere", account)) for name, (_, account) in ACCOUNTS.items()]
    others += [takes(name, account, cluster="slipway-other") for name, account in ACCOUNTS.items()]
    others += [takes(name, account, by=STRANGER) for name, account in ACCOUNTS.items()]
    assert not not_as(NOT_ALLOWED, policies, others)
