"""What External Secrets is asked for, and what is said when it does not answer. The cluster is a double: objects in a dictionary."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slipway.deploy import external_secrets
from slipway.deploy.errors import DeployError
from slipway.deploy.kubectl import Cluster

ENTRIES = {"dagster": "slipway-prod/dagster", "orders": "slipway-prod/orders"}


@dataclass(frozen=True)
class Double(Cluster):
    """Copies what it is told to copy when it is told, by adding to the names of Secrets that are there."""

    kubectl: Path = Path("kubectl")
    context: str = "prod"
    namespace: str = "slipway"
    secrets: set[str] = field(default_factory=set)
    copies: tuple[str, ...] = ()
    refusal: str = ""
    applied: list = field(default_factory=list)

    def apply(self, *documents):
        if self.refusal:
            raise DeployError(self.refusal)
        self.applied.extend(documents)
        self.secrets.update(self.copies)
        return ""

    def get(self, kind, name):
        if kind == "secret":
            return {} if name in self.secrets else None
        return {"status": {"conditions": [{"status": "False", "message": f"no value in {name}"}]}}


def test_each_secret_is_asked_for_by_its_entry_and_what_is_new_is_told():
    cluster = Double(secrets={"dagster"}, copies=("orders",))
    assert external_secrets.request(cluster, "eu-central-1", ENTRIES, print) == ["orders"]
    store, *copied = cluster.applied
    assert store["spec"]["provider"]["aws"] == {"service": "SecretsManager", "region": "eu-central-1"}
    asked = {each["spec"]["target"]["name"]: each["spec"]["dataFrom"][0]["extract"]["key"] for each in copied}
    assert asked == ENTRIES
    assert {each["spec"]["secretStoreRef"]["name"] for each in copied} == {store["metadata"]["name"]}


def test_what_does_not_come_is_named_with_what_the_controller_says(monkeypatch):
    monkeypatch.setattr(external_secrets, "_PATIENCE_SECONDS", -1)
    with pytest.raises(DeployError) as told:
        external_secrets.request(Double(copies=("dagster",)), "eu-central-1", ENTRIES, print)
    assert "orders from slipway-prod/orders: no value in orders" in str(told.value)
    assert "dagster" not in str(told.value)


def test_a_cluster_without_external_secrets_is_told_how_to_get_it():
    refusing = Double(refusal='no matches for kind "SecretStore" in version "external-secrets.io/v1"')
    with pytest.raises(DeployError, match="has no External Secrets") as told:
        external_secrets.request(refusing, "eu-central-1", ENTRIES, print)
    assert "docs/aws.md" in told.value.hint


def test_another_refusal_stays_what_it_is():
    with pytest.raises(DeployError, match="forbidden"):
        external_secrets.request(Double(refusal="forbidden"), "eu-central-1", ENTRIES, print)
