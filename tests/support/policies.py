"""Who may do what, by the policies that Terraform makes, decided by an evaluator of AWS' own rules.

The evaluator is `@cloud-copilot/iam-simulate` of npm (AGPL-3.0; a program of these tests that goes into nothing which is shipped):
it knows identity and resource policies together, explicit denies, wildcards, every condition operator, and refuses requests that
AWS would not know. moto's evaluator passes conditions over.
"""

import functools
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from slipway.cache import cache_folder, locked, made_whole
from support import infrastructure as infra

ACCOUNT = "000000000000"
ALLOWED, NOT_ALLOWED, DENIED = "Allowed", "ImplicitlyDenied", "ExplicitlyDenied"
_SOURCES = infra.CHECKOUT / "tests/terraform/simulator"
_OLDEST_NODE = 18
TLS = {"aws:SecureTransport": "true"}


@dataclass(frozen=True)
class Request:
    """A call of AWS' API, or a principal's wish to make one.

    Attributes:
        principal: the caller's ARN.
        action: for example s3:GetObject.
        resource: ARN of what it is about.
        context: condition keys besides those of an encrypted connection.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Policies:
    """All policies that there are: of principals by their ARN, of resources by the beginning of their ARNs."""

    identities: Mapping[str, Sequence[Any]]
    resources: Mapping[str, Any] = field(default_factory=dict)

    def decide(self, requests: Iterable[Request]) -> list[str]:
        """Return the decision on each request: ALLOWED, NOT_ALLOWED or DENIED.

        Raises:
            AssertionError: a request or a policy is not one that AWS knows.
        """
        asked = [self._simulation(request) for request in requests]
        done = subprocess.run(
            [_node(), _simulator() / "evaluate.mjs"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stderr
        decisions = json.loads(done.stdout)
        for simulation, decision in zip(asked, decisions, strict=True):
            assert isinstance(decision, str), f"{simulation['request']}: {decision}"
        return list(decisions)

    def _simulation(self, request: Request) -> dict[str, Any]:
        own = [
            {"name": str(number), "policy": policy}
            for number, policy in enumerate(self.identities[request.principal])
        ]
        simulation = {
            "request": {
                "principal": request.principal,
                "action": request.action,
                "resource": {"resource": request.resource, "accountId": ACCOUNT},
                "contextVariables": {**TLS, **request.context},
            },
            "identityPolicies": own,
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        }
        for arn, policy in self.resources.items():
            if request.resource == arn or request.resource.startswith(f"{arn}/"):
                simulation["resourcePolicy"] = policy
        return simulation


@functools.cache
def _node() -> str:
    """Return Node.js, or skip the test where it or npm is missing or too old."""
    node = shutil.which("node")
    said = (
        subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        if node
        else ""
    )
    if not node or not shutil.which("npm") or int(said.lstrip("v").partition(".")[0]) < _OLDEST_NODE:
        pytest.skip(f"the policy evaluator needs Node.js {_OLDEST_NODE} or newer, and npm")
    return node


@functools.cache
def _simulator() -> Path:
    """Return the folder with the evaluator, installed when it is first needed, or skip the test where it can't be."""
    files = sorted(each for each in _SOURCES.iterdir() if each.is_file())
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:8]
    folder = cache_folder() / f"policy-simulator-{digest}"
    with locked(folder):
        if not folder.exists():
            with made_whole(folder) as making:
                for file in files:
                    shutil.copy(file, making)
                command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
                done = subprocess.run(command, cwd=making, capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.skip(f"npm can't install the policy evaluator: {done.stderr[-500:]}")
    return folder
