"""Ticks of sensors and schedules: which failed, and whether they go well again. Each tick is dealt with once."""

from typing import Any

from slipway.alerts.causes import Failure, Kind, Ledger
from slipway.alerts.client import owners_of
from slipway.alerts.fingerprints import fingerprint, root_error
from slipway.alerts.state import Memory

_KINDS: tuple[tuple[Kind, str, str], ...] = (
    ("sensor", "sensors", "sensorState"),
    ("schedule", "schedules", "scheduleState"),
)


def take_repository(
    ledger: Ledger, memory: Memory, location: str, repository: dict[str, Any], now: float
) -> None:
    """Deal with the new ticks of a code location; one that was switched off or removed fails no longer."""
    subjects = set()
    for kind, members, state in _KINDS:
        for each in repository[members]:
            subject = f"{kind}:{location}/{each['name']}"
            subjects.add(subject)
            for tick in _new_ticks(each[state], memory, subject):
                if tick["status"] == "FAILURE":
                    ledger.fail(_failed_tick(kind, location, repository["name"], each, tick), now)
                else:
                    ledger.recover(subject, tick["timestamp"])
            if each[state]["status"] != "RUNNING":
                ledger.recover(subject, now)
    for gone in ledger.open_subjects("sensor", "schedule") - subjects:
        if gone.split(":", 1)[1].startswith(f"{location}/"):
            ledger.recover(gone, now)
    _drop_marks(memory, location, subjects)


def _new_ticks(state: dict[str, Any], memory: Memory, subject: str) -> list[dict[str, Any]]:
    """Return the ended ticks that are new, oldest first, and take note of them."""
    ticks = {int(tick["tickId"]): tick for tick in [*state["ticks"], *state.get("missed", ())]}
    mark = memory.ticks.get(subject)
    new = []
    for number, tick in sorted(ticks.items()):
        if tick["status"] == "STARTED":
            # Its end comes later, under the same number.
            break
        if number > (mark or 0):
            memory.ticks[subject] = number
            if mark is not None or tick["timestamp"] > memory.began:
                new.append(tick)
    return new


def _drop_marks(memory: Memory, location: str, subjects: set[str]) -> None:
    for subject in list(memory.ticks):
        if subject.split(":", 1)[1].startswith(f"{location}/") and subject not in subjects:
            del memory.ticks[subject]


def _failed_tick(
    kind: Kind, location: str, repository: str, member: dict[str, Any], tick: dict[str, Any]
) -> Failure:
    error, owners = root_error(tick["error"], "The tick recorded no error"), owners_of(member)
    return Failure(
        kind=kind,
        cause=fingerprint(kind, location, owners, error, member["name"]),
        subject=f"{kind}:{location}/{member['name']}",
        title=f"{kind.capitalize()} {member['name']} fails",
        where=f"{kind} {member['name']}",
        error=str(error),
        location=location,
        owners=owners,
        link=f"/locations/{repository}@{location}/{kind}s/{member['name']}",
        at=tick["timestamp"],
        behind=(f"location:{location}",),
    )
