"""One message for each root cause: what counts as the same cause, and when it is over."""

import pytest

from slipway.alerts.causes import FORGET_SECONDS, MOST_CAUSES, MOST_SUBJECTS, Failure, Ledger
from slipway.alerts.fingerprints import LONGEST, RootError, fingerprint, root_error


def error(message: str, name: str = "ValueError") -> dict[str, object]:
    return {
        "className": "DagsterExecutionStepExecutionError",
        "message": "Error occurred",
        "causes": [{"className": name, "message": f"{name}: {message}\n"}],
    }


def failure(subject: str, cause: str = "c1", at: float = 100, **other: object) -> Failure:
    known = {
        "kind": "run",
        "title": "t",
        "where": "w",
        "error": "e",
        "location": "orders",
        "owners": (),
        "link": "/",
    }
    return Failure(cause=cause, subject=subject, at=at, **(known | other))  # type: ignore[arg-type]


def test_the_innermost_error_is_the_root() -> None:
    found = root_error(error("the supplier renamed a column\nand more"))
    assert found == RootError("ValueError", "ValueError: the supplier renamed a column")
    assert str(found) == "ValueError: the supplier renamed a column"
    assert str(RootError("ConnectionError", "no route")) == "ConnectionError: no route"
    assert root_error(None, "The run's process was lost\nsomewhere").line == "The run's process was lost"


def test_the_last_of_several_causes_is_the_root_by_the_name_of_its_class_and_as_much_as_can_be_read() -> None:
    causes = [
        {"className": "DagsterError", "message": "DagsterError: the step failed"},
        {"className": "psycopg.errors.DiskFull", "message": f"{'no room ' * 100}\nHINT: none"},
    ]
    found = root_error({"className": "E", "message": "e", "causes": causes})
    assert found == RootError("DiskFull", ("no room " * 100)[:LONGEST])


@pytest.mark.parametrize(
    "other",
    [
        "ValueError: 17 rows of 2026-01-02 have no country in run 0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f",
        "ValueError: 3 rows of 2025-12-31 have no country in run ffffffff-0000-4000-8000-0a1b2c3d4e5f",
        "ValueError: 3 rows of 2025-12-31 have no country in run FFFFFFFF-0000-4000-8000-0A1B2C3D4E5F",
    ],
)
def test_what_varies_by_chance_is_no_other_cause(other: str) -> None:
    first = "ValueError: 1 rows of 2026-01-01 have no country in run 11111111-0000-4000-8000-0a1b2c3d4e5f"
    keys = [
        fingerprint("run", "orders", (), RootError("ValueError", line), "step") for line in (first, other)
    ]
    assert keys[0] == keys[1]


def test_a_telling_error_in_two_steps_is_one_cause_and_a_meagre_one_is_two() -> None:
    telling = RootError("OperationalError", "connection to server at 10.0.0.1 failed: Connection refused")
    meagre = RootError("KeyError", "KeyError: 'amount'")
    owned = [
        fingerprint("run", "orders", owners, telling, "a") for owners in (("x", "y"), ("y", "x"), ("x",))
    ]
    assert owned[0] == owned[1] != owned[2]
    assert fingerprint("run", "orders", (), telling, "a") == fingerprint("run", "orders", (), telling, "b")
    assert fingerprint("run", "orders", (), meagre, "a") != fingerprint("run", "orders", (), meagre, "b")
    assert fingerprint("run", "orders", (), meagre, "a[1]") == fingerprint(
        "run", "orders", (), meagre, "a[2]"
    )


def test_each_owner_location_class_and_line_is_a_cause_of_its_own() -> None:
    said = RootError("ValueError", "ValueError: the supplier renamed a column")
    keys = {
        fingerprint("run", "orders", (), said, "a"),
        fingerprint("run", "sales", (), said, "a"),
        fingerprint("run", "orders", ("team:a",), said, "a"),
        fingerprint("run", "orders", ("team:b",), said, "a"),
        fingerprint("check", "orders", (), said, "a"),
        fingerprint("run", "orders", (), RootError("KeyError", said.line), "a"),
    }
    assert len(keys) == 6


def test_a_cause_is_over_when_everything_that_failed_for_it_is_well() -> None:
    ledger = Ledger()
    for day in ("01", "02"):
        ledger.fail(failure(f"step:orders/a@{day}", at=100), 100)
    cause = ledger.causes["c1"]
    assert (cause.count, len(cause.subjects)) == (2, 2)
    ledger.recover("step:orders/a@01", 200)
    assert cause.ended is None
    ledger.recover("step:orders/a@02", 99)
    assert cause.ended is None, "well before it failed"
    ledger.recover("step:orders/a@02", 200)
    assert cause.ended == 200


def test_what_fails_again_before_its_end_was_told_has_not_ended() -> None:
    ledger = Ledger()
    ledger.fail(failure("step:orders/a@", at=100), 100)
    ledger.recover("step:orders/a@", 110)
    assert ledger.causes["c1"].ended == 110
    ledger.fail(failure("step:orders/a@", at=120), 120)
    assert (ledger.causes["c1"].ended, ledger.causes["c1"].count) == (None, 2)


def test_a_tick_that_fails_otherwise_is_the_same_trouble() -> None:
    ledger = Ledger()
    ledger.fail(failure("sensor:orders/s", "one", 100, kind="sensor"), 100)
    ledger.fail(failure("sensor:orders/s", "other", 130, kind="sensor"), 130)
    assert list(ledger.causes) == ["one"]
    assert ledger.causes["one"].count == 2


def test_what_passes_before_it_was_told_is_not_told_where_it_may_pass() -> None:
    ledger = Ledger()
    ledger.fail(failure("location:orders", "l", kind="location"), 100)
    ledger.fail(failure("step:orders/a@", "r"), 100)
    ledger.recover("location:orders", 101)
    ledger.recover("step:orders/a@", 101)
    assert list(ledger.causes) == ["r"]
    assert ledger.causes["r"].ended == 101


def test_a_consequence_is_covered_as_long_as_its_cause_is_open() -> None:
    ledger = Ledger()
    ledger.fail(failure("step:orders/raw@", "r", affects=("asset:raw",)), 100)
    ledger.fail(
        failure(
            "freshness:daily",
            "f",
            kind="freshness",
            affects=("asset:daily",),
            behind=("asset:daily", "asset:raw"),
        ),
        100,
    )
    late = ledger.causes["f"]
    assert ledger.is_covered(late)
    assert not ledger.is_covered(ledger.causes["r"])
    ledger.recover("step:orders/raw@", 200)
    assert not ledger.is_covered(late)


def test_the_ledger_is_bounded_and_survives_being_written() -> None:
    ledger = Ledger()
    for number in range(MOST_SUBJECTS + 50):
        ledger.fail(failure(f"step:orders/a@{number}"), 100)
    assert ledger.causes["c1"].count == MOST_SUBJECTS + 50
    assert len(ledger.causes["c1"].subjects) == MOST_SUBJECTS
    for number in range(MOST_CAUSES + 50):
        ledger.fail(failure(f"step:orders/{number}@", f"k{number}", at=200 + number), 200 + number)
    assert len(ledger.causes) == MOST_CAUSES
    # What has failed longest ago has made room.
    assert "c1" not in ledger.causes
    assert f"k{MOST_CAUSES + 49}" in ledger.causes
    assert Ledger.load(ledger.dump()).causes == ledger.causes
    assert len(ledger.forget_old(FORGET_SECONDS + 10_000)) == MOST_CAUSES


def test_what_goes_on_is_never_forgotten_and_what_does_not_is_two_weeks_after_it_was_noticed() -> None:
    ledger = Ledger()
    ledger.fail(failure("freshness:a", "late", at=50, kind="freshness"), 100)
    ledger.fail(failure("step:orders/a@", "failed", at=50), 100)
    assert ledger.forget_old(FORGET_SECONDS + 100) == []
    assert [cause.key for cause in ledger.forget_old(FORGET_SECONDS + 101)] == ["failed"]


def test_a_recovery_before_the_newest_failure_is_none() -> None:
    ledger = Ledger()
    ledger.fail(failure("step:orders/a@", at=100), 100)
    ledger.fail(failure("step:orders/a@", at=150), 150)
    # Told late: it had failed before.
    ledger.fail(failure("step:orders/a@", at=50), 160)
    ledger.recover("step:orders/a@", 120)
    assert ledger.causes["c1"].ended is None
    assert (ledger.causes["c1"].first, ledger.causes["c1"].last) == (50, 150)
    ledger.recover("step:orders/a@", 151)
    assert ledger.causes["c1"].ended == 151
