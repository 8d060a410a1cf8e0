"""What ended runs mean for what is open, without a watcher around it."""

from typing import Any

import pytest

from slipway.alerts.catalog import Catalog
from slipway.alerts.causes import Failure, Ledger
from slipway.alerts.client import ASSETS, RejectedError
from slipway.alerts.runs import SETTLE_SECONDS, Runs
from slipway.alerts.state import Memory
from support.dagster_double import Dagster, evaluation, step_failure

LOST = {"__typename": "RunFailureEvent", "message": "The run's process was lost.", "error": None}


@pytest.fixture
def dagster() -> Dagster:
    return Dagster()


@pytest.fixture
def runs(dagster: Dagster) -> Runs:
    catalog = Catalog()
    catalog.learn(dagster.ask(ASSETS)["assetNodes"])
    return Runs(dagster, catalog, Ledger(), Memory(began=0, polled=0, updated=0))  # type: ignore[arg-type]


def look(runs: Runs, dagster: Dagster, after: float = 5) -> set[str]:
    """Look once, some seconds later; return what is open."""
    dagster.now += after
    runs.take(dagster.ask("", updated=runs.updated_after)["runsOrError"]["results"], dagster.now)
    return runs.ledger.open_subjects("run", "check")


def test_the_last_word_of_a_check_counts(runs: Runs, dagster: Dagster) -> None:
    dagster.end_run("SUCCESS", evaluation(success=False), evaluation(success=True))
    assert look(runs, dagster) == set()
    dagster.end_run("SUCCESS", evaluation(success=True), evaluation(success=False))
    assert look(runs, dagster) == {"check:orders/raw:complete@"}


def test_a_run_that_nobody_is_going_to_retry_has_failed_without_a_tag_that_says_so(
    runs: Runs, dagster: Dagster
) -> None:
    dagster.end_run("FAILURE", step_failure("raw", "the table of currencies is empty"))
    assert look(runs, dagster) == set()
    assert look(runs, dagster, after=SETTLE_SECONDS + 1) == {"step:orders/raw@"}


def test_a_run_that_cannot_be_read_is_told_and_holds_up_no_other(
    runs: Runs, dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = dagster.end_run("FAILURE", LOST, will_retry="false", partition="broken")
    dagster.end_run("FAILURE", LOST, will_retry="false", partition="other")
    known = dagster.details

    def details(run_id: str, *, steps: bool) -> dict[str, Any]:
        if run_id == broken:
            raise RejectedError("no such run")
        return known(run_id, steps=steps)

    monkeypatch.setattr(dagster, "details", details)
    assert look(runs, dagster) == {"job:orders/nightly@broken", "job:orders/nightly@other"}
    assert any("can't be read: no such run" in cause.error for cause in runs.ledger.causes.values())


def test_a_run_that_was_lost_with_its_code_location_is_a_consequence(runs: Runs, dagster: Dagster) -> None:
    dagster.end_run("FAILURE", LOST, will_retry="false")
    look(runs, dagster)
    (lost,) = runs.ledger.causes.values()
    assert not runs.ledger.is_covered(lost)
    broken = Failure(
        kind="location",
        cause="broken",
        subject="location:orders",
        title="",
        where="",
        error="",
        location="orders",
        owners=(),
        link="",
        at=dagster.now,
        affects=("location:orders",),
    )
    runs.ledger.fail(broken, dagster.now)
    assert runs.ledger.is_covered(lost)


def test_a_step_that_a_check_stopped_is_told_where_the_check_itself_left_no_word(
    runs: Runs, dagster: Dagster
) -> None:
    blocked = step_failure("raw", "Blocking check 'complete' failed", "DagsterAssetCheckFailedError")
    dagster.end_run("FAILURE", blocked, will_retry="false")
    assert look(runs, dagster) == {"step:orders/raw@"}


def test_a_failure_is_told_in_its_own_words(runs: Runs, dagster: Dagster) -> None:
    said = "s3://assets/orders/raw.json is no JSON: materialize raw again"
    event = {
        **step_failure("raw", "Expecting value: line 1 column 1", "JSONDecodeError"),
        "failureMetadata": {"description": said},
    }
    dagster.end_run("FAILURE", event, will_retry="false")
    look(runs, dagster)
    (cause,) = runs.ledger.causes.values()
    assert cause.error == said
