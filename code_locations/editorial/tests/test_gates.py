"""The verdicts on freshness and on files taken, over states of a warehouse that are made up: real ones are in `test_pipeline`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from editorial.defs import checks
from editorial.defs.checks import BUDGET, files_checks, gates
from slipway.environment import Environment
from slipway.resources import PostgresResource

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
WAREHOUSE = PostgresResource(url="postgresql://never@used/none")
PUBLISHERS = ("ebnerd", "adressa", "mind")


def verdict(check: dg.AssetChecksDefinition) -> dg.AssetCheckResult:
    found = check(warehouse=WAREHOUSE)
    assert isinstance(found, dg.AssetCheckResult)
    return found


def freshness(monkeypatch: pytest.MonkeyPatch, hours: dict[str, float]) -> dg.AssetCheckResult:
    """Judge publishers whose newest file landed so many hours ago, with production's budget of 36."""
    now = datetime.now(UTC)
    state = {name: {"landed_at": now - timedelta(hours=ago)} for name, ago in hours.items()}
    monkeypatch.setattr(checks, "_state", lambda _: state)
    (found,) = (each for each in gates(Environment.PROD) if "freshness" in str(each.check_keys))
    return verdict(found)


def test_every_publisher_has_landed_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BUDGET[Environment.PROD] == timedelta(hours=36)
    found = freshness(monkeypatch, dict.fromkeys(PUBLISHERS, 35.0))
    assert (found.passed, found.description) == (True, None)
    assert found.metadata["mind_hours"].value == pytest.approx(35, abs=0.5)


@pytest.mark.parametrize(
    ("hours", "named"),
    [({"ebnerd": 1, "adressa": 37, "mind": 1}, "adressa (37.0 h)"), ({"ebnerd": 1, "adressa": 1}, "mind")],
    ids=["late", "never landed"],
)
def test_one_that_is_late_or_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, hours: dict[str, float], named: str
) -> None:
    found = freshness(monkeypatch, hours)
    assert (found.passed, found.severity) == (False, ERROR)
    assert found.description == f"Nothing has landed within 36 h from {named}"


@pytest.mark.parametrize(
    ("rejected", "refused", "expected"),
    [
        (0, None, (True, WARN, None)),
        (2, None, (False, WARN, "5 lines were rejected")),
        (2, "no readable Parquet", (False, ERROR, "second: no readable Parquet")),
    ],
)
def test_rejected_lines_are_a_warning_and_a_refused_file_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
    rejected: int,
    refused: str | None,
    expected: tuple[bool, dg.AssetCheckSeverity, str | None],
) -> None:
    files: list[dict[str, Any]] = [
        {"name": "first", "rows": 10, "rejected": rejected and 3, "refused": None},
        {"name": "second", "rows": 5, "rejected": rejected, "refused": refused},
    ]
    monkeypatch.setattr(checks, "loaded_files", lambda *_: files)
    monkeypatch.setattr(checks, "rejected_lines", lambda *_: [])
    found = verdict(files_checks[0])
    assert (found.passed, found.severity, found.description) == expected
    assert (found.metadata["files"].value, found.metadata["rows"].value) == (2, 15)
