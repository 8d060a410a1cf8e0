"""Pools: what code locations declare, and how an instance is brought to it."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from slipway.errors import RepositoryError
from slipway.local import pools
from slipway.local.errors import LocalPlatformError
from slipway.repository import CodeLocation, read_repository
from unit.test_repository import checkout


def location(name: str, **limits: int) -> CodeLocation:
    return CodeLocation(name, Path(name), f"{name}.definitions", pools=limits)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_limits_of_all_locations_are_collected() -> None:
    found = pools.declared([location("orders", source_db=2), location("sales", files=1, source_db=2)])
    assert found == {"source_db": 2, "files": 1}


def test_two_locations_that_disagree_are_both_named() -> None:
    with pytest.raises(LocalPlatformError, match=r"'source_db' has the limit 2 in orders and 3 in sales"):
        pools.declared([location("orders", source_db=2), location("sales", source_db=3)])


@pytest.mark.parametrize("limit", ["0", "1001", "'two'", "1.5"])
def test_a_limit_that_is_no_number_of_steps_is_refused(tmp_path: Path, limit: str) -> None:
    file = checkout(tmp_path, "shop") / "code_locations/shop/pyproject.toml"
    file.write_text(file.read_text() + f"[tool.slipway.pools]\ntill = {limit}\n")
    with pytest.raises(RepositoryError, match="gives the pool 'till' the limit"):
        read_repository(tmp_path)


def test_the_instance_gets_what_is_declared_and_loses_the_rest(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("left_over", 4)
    instance.event_log_storage.set_concurrency_slots("files", 4)
    said = pools.apply_to_instance(instance, {"source_db": 2, "files": 1})
    assert limits(instance) == {"source_db": 2, "files": 1}
    assert said == ["source_db: 2", "files: 1", "left_over is no longer declared and was removed"]
    assert pools.apply_to_instance(instance, {"source_db": 2, "files": 1}) == []
