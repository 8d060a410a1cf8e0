"""Which images are old, and that one place's refusal does not keep the others from being pruned."""

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from slipway.cluster.errors import ClusterError
from slipway.images.pruning import choice, engine_store, node_store, registry_store
from slipway.images.pruning.choice import Tagged, Used
from slipway.images.pruning.pruning import Pruning

AT = "localhost:5001/slipway"
D = "sha256:" + "ab" * 32


def tagged(reference: str, when: float, digest: str = "") -> Tagged:
    return Tagged(reference, digest or reference, 10, when)


def gone(found: list[Tagged], used: Used = Used(), newest: int = 1) -> set[str]:  # noqa: B008 - frozen
    return {each.reference for each in choice.old(found, used, newest)}


def test_the_newest_of_each_name_stay() -> None:
    found = [tagged(f"{AT}/{name}:{when}", when) for when in range(1, 6) for name in ("orders", "sales")]
    found.append(tagged("slipway/base:1", 1))
    assert gone(found, newest=3) == {f"{AT}/{name}:{when}" for when in (1, 2) for name in ("orders", "sales")}


def test_what_is_used_stays_and_takes_nobody_s_place() -> None:
    found = [tagged(f"{AT}/orders:{when}", when) for when in range(1, 5)]
    assert gone(found, Used(frozenset({f"{AT}/orders:1"}))) == {f"{AT}/orders:2", f"{AT}/orders:3"}


def test_another_tag_of_an_image_that_stays_stays() -> None:
    found = [tagged("slipway/s3:a", 2, D), tagged("slipway/s3:b", 1, D), tagged("slipway/s3:c", 0)]
    assert gone(found) == {"slipway/s3:c"}


def test_what_a_server_s_image_is_made_of_counts_apart() -> None:
    found = [tagged("slipway/redis:1", 1), tagged("slipway/redis:1-packages", 2)]
    assert gone(found) == set()


def test_a_digest_that_no_tag_leads_to_goes_unless_a_pod_runs_it() -> None:
    found = [tagged(f"{AT}/orders@{D}", 0, D)]
    assert gone(found) == {f"{AT}/orders@{D}"}
    assert gone(found, Used(digests=frozenset({D}))) == set()


def pod(image: str, phase: str) -> dict[str, Any]:
    containers = [{"image": image, "imageID": f"{AT}/x@{D}"}]
    return {"kind": "Pod", "spec": {"containers": containers}, "status": {"phase": phase}}


def test_a_living_pod_uses_its_image_and_one_that_has_ended_does_not() -> None:
    used = node_store.used_by([pod(f"{AT}/orders:1", "Running"), pod(f"{AT}/orders:2", "Succeeded")])
    assert used == Used(frozenset({f"{AT}/orders:1"}), frozenset({D}))


def test_a_configuration_uses_the_images_that_it_names() -> None:
    text = f"step:\n  job_image: {AT}/sales:70f636c1be59\n  other: '{AT}/sales-eu:1.2.'"
    used = node_store.used_by([{"kind": "ConfigMap", "data": {"dagster.yaml": text}}])
    assert used.references == {f"{AT}/sales:70f636c1be59", f"{AT}/sales-eu:1.2"}


def test_a_finished_job_needs_no_image() -> None:
    status = {"conditions": [{"type": "Complete", "status": "True"}]}
    job = {"kind": "Job", "spec": {"image": f"{AT}/orders:1"}, "status": status}
    assert node_store.used_by([job]) == Used()
    assert node_store.used_by([{**job, "status": {}}]).references == {f"{AT}/orders:1"}


LINES = [
    f"docker.io/slipway/busybox:node   application/x {D} 1.5 MiB linux/amd64 -",
    f"{AT}/orders:1   application/x {D} 151.5 MiB linux/amd64 io.cri-containerd.image=managed",
    f"{AT}/orders@{D}   application/x {D} 151.5 MiB linux/amd64 io.cri-containerd.image=managed",
    f"{AT}/orders@{D[:-1]}0   application/x {D[:-1]}0 2.0 KiB linux/amd64 -",
    f"{D[:-1]}1   application/x {D} 151.5 MiB linux/amd64 -",
]


def test_a_node_s_images_are_those_of_the_registry_once() -> None:
    found = node_store.tags_in(LINES, {f"{AT}/orders:1": 7.0})
    assert found == [
        Tagged(f"{AT}/orders:1", D, int(151.5 * 2**20), 7.0),
        Tagged(f"{AT}/orders@{D[:-1]}0", f"{D[:-1]}0", 2048, 0),
    ]


def test_an_image_goes_from_a_node_by_all_its_names() -> None:
    assert node_store.names_of({D}, LINES[1:]) == [f"{AT}/orders:1", f"{AT}/orders@{D}", f"{D[:-1]}1"]


def test_sizes_and_times_of_the_engine() -> None:
    assert [engine_store.in_bytes(size) for size in ("0B", "751MB", "4.5GB", "N/A")] == [
        0,
        751_000_000,
        4_500_000_000,
        0,
    ]
    assert engine_store.seconds("1970-01-01T00:01:00.123456789Z") == 60
    assert engine_store.seconds("0001-01-01T00:00:00Z") == 0


def test_an_image_that_was_asked_for_again_is_new(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path))
    assert choice.noted(f"{AT}/orders:1") == 0
    choice.note(f"{AT}/orders:1")
    assert choice.noted(f"{AT}/orders:1") > 1_000_000_000
    choice.forget([f"{AT}/orders:1", f"{AT}/orders:2"])
    assert choice.noted(f"{AT}/orders:1") == 0


class Somewhere:
    """A cluster of one node whose API server is down, or not."""

    def __init__(self, *, up: bool) -> None:
        self.engine, self.up = self, up

    def nodes(self) -> list[str]:
        return ["node"]

    def kubectl(self, *_: str) -> str:
        if not self.up:
            raise ClusterError("kubectl get failed")
        return '{"items": []}'

    def state_of(self, _: str) -> str:
        return "running"


@pytest.mark.parametrize("up", [True, False])
def test_a_place_that_fails_is_told_and_the_others_go_on(up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    removed = []

    def refuse_nothing(_: Any, images: list[Tagged]) -> list[str]:
        removed.extend(images)
        return []

    def refused(*_: Any) -> list[Tagged]:
        raise ClusterError("not now")

    tags = [tagged(f"{AT}/orders:{when}", when) for when in (1, 2)]
    monkeypatch.setattr(engine_store, "tags", lambda _: tags)
    monkeypatch.setattr(engine_store, "used", lambda _: Used())
    monkeypatch.setattr(engine_store, "usage", lambda _: {"Images": 0, "Build Cache": 0})
    monkeypatch.setattr(engine_store, "remove", refuse_nothing)
    monkeypatch.setattr(registry_store, "tags", refused)
    monkeypatch.setattr(node_store, "tags", lambda *_: tags)
    # Nor does a figure that can't be had.
    monkeypatch.setattr(node_store, "usage", refused)
    monkeypatch.setattr(node_store, "remove", lambda _, node, __: removed.append(node))
    said = io.StringIO()
    console = Console(file=said, width=200)
    assert Pruning(Somewhere(up=up), console, 1, 0, dry_run=False, names=["orders"]).run()
    text = said.getvalue()
    assert ("freed what could not be measured" in text) is up
    # What the cluster uses is not known while it is down: nothing that it may need goes.
    assert removed == ([tags[0], "node"] if up else [tags[0]])
    assert ("The registry: not now" in text) is up
    assert ("it isn't known what the cluster uses" in text) is not up


def test_an_image_that_goes_while_the_engine_is_asked_is_not_missed() -> None:
    class Engine:
        def run(self, *arguments: str, check: bool = True) -> Any:
            if arguments[0] == "images":
                return SimpleNamespace(stdout="slipway/base:1\nslipway/base:2\n<none>:<none>\nredis:8\n")
            assert not check, "the client ends with 1 where one is missing"
            assert arguments[2:] == ("slipway/base:1", "slipway/base:2")
            found = {"Id": D, "Size": 5, "Created": "1970-01-01T00:00:09Z", "RepoTags": ["slipway/base:2"]}
            return SimpleNamespace(stdout=json.dumps([found]))

    assert engine_store.tags(Engine()) == [Tagged("slipway/base:2", D, 5, 9)]
