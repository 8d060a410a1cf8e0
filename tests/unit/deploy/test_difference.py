from slipway.deploy.difference import changes, summary

BEFORE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {password: swordfish, user: u}
---
apiVersion: v1
kind: Service
metadata: {name: leaves}
"""
AFTER = """
# Source: somewhere.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {b: "2", a: "3"}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {password: marlin, user: u}
---
apiVersion: v1
kind: Service
metadata: {name: comes}
"""


def test_each_object_that_differs_is_shown() -> None:
    found = changes(BEFORE, AFTER)
    assert list(found) == [
        ("ConfigMap", "one"),
        ("Secret", "hidden"),
        ("Service", "comes"),
        ("Service", "leaves"),
    ]
    assert "-  a: '1'\n+  a: '3'" in found["ConfigMap", "one"]
    assert found["Service", "comes"].startswith("--- nothing\n+++ Service/comes")
    assert summary(found.values()) == "1 added, 1 removed, 2 changed"


def test_order_and_comments_change_nothing() -> None:
    assert changes(BEFORE, "# Source: x\n" + BEFORE.replace('{a: "1", b: "2"}', '{b: "2", a: "1"}')) == {}
    assert summary([]) == "nothing changes"


def test_a_secret_shows_that_it_differs_and_no_value() -> None:
    text = changes(BEFORE, AFTER)["Secret", "hidden"]
    assert "swordfish" not in text
    assert "marlin" not in text
    changed = [line for line in text.splitlines() if line[0] in "+-" and "hidden," in line]
    assert len(changed) == 2
    assert all("password" in line for line in changed)
