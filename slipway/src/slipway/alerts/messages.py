"""What a message says: what failed, where, why, since when, how often, whose it is, what to do; as text and for Slack."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from slipway.alerts.causes import CONTINUING, Cause, Kind
from slipway.alerts.settings import Settings

Status = Literal["problem", "reminder", "resolved", "test"]
_NEXT: dict[Kind, str] = {
    "run": "Open the run, read the step's log, mend the cause, then re-execute from failure",
    "check": "Open the run; the check's metadata shows the rows. Downstream of a blocking check nothing was written",
    "backfill": "Open the backfill, mend the cause, then `slipway backfill --resume` it: no run was launched for the rest",
    "freshness": "See which run should have made it, and materialize it",
    "sensor": "See the tick's error; the sensor goes on by itself once the cause is gone",
    "schedule": "See the tick's error; launch what it missed by a backfill",
    "location": "Correct its code, then `make reload`; the other locations are served",
    "daemon": "`make status`, `make logs NAME=daemon`; then `make up`",
    "webserver": "`make status`, `make logs NAME=webserver`; then `make up`",
}
_MARKS: dict[Status, tuple[str, str]] = {
    "problem": (":red_circle:", "Failing"),
    "reminder": (":large_orange_circle:", "Still failing"),
    "resolved": (":large_green_circle:", "Resolved"),
    "test": (":white_circle:", "Test"),
}
_SHOWN_SUBJECTS = 5
_SHOWN_CAUSES = 15
# Slack refuses longer ones: 3,000 characters in a section, 150 in a header.
_SLACK_SECTION = 2800
_SLACK_HEADER = 140


@dataclass(frozen=True)
class Message:
    """One message, as every channel gets it. `lines` are its body: label and text.

    Attributes:
        id: the same for every channel and every attempt, so that a receiver can tell a repetition.
        cause: the key of the cause; `slipway alerts list` shows it.
        at: when it was written, in seconds since 1970.
    """

    id: str
    status: Status
    cause: str
    kind: str
    location: str
    owners: list[str]
    title: str
    lines: dict[str, str]
    link: str
    at: float

    @property
    def subject(self) -> str:
        """The message in one line."""
        mark = _MARKS[self.status][1]
        place = f" [{self.location}]" if self.location else ""
        return f"{mark}{place}: {self.title}"

    def text(self) -> str:
        """Return the whole message as plain text."""
        width = max(map(len, self.lines), default=0) + 2
        body = [f"{label + ':':<{width}}{text}" for label, text in self.lines.items()]
        return "\n".join([self.subject, "", *body])

    def slack(self) -> dict[str, Any]:
        """Return the message as an incoming webhook of Slack takes it."""
        body = "\n".join(f"*{label}*  {_slack(text)}" for label, text in self.lines.items())
        header = f"{_MARKS[self.status][0]} {self.subject}"[:_SLACK_HEADER]
        return {
            "text": _slack(self.subject),
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": header, "emoji": True}},
                {"type": "section", "text": {"type": "mrkdwn", "text": body[:_SLACK_SECTION]}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": f"slipway, cause {self.cause}"}]},
            ],
        }


def problem(cause: Cause, owners: tuple[str, ...], ui: str, docs: str, now: float) -> Message:
    """Return the message that a cause is open."""
    lines = {
        "Where": f"{cause.location}, {cause.where}" if cause.location else cause.where,
        "Cause": cause.error,
        "Since": _since(cause),
        **_more(cause),
        "Owner": ", ".join(owners) or "nobody is named",
        "Open": ui + cause.link,
        "Next": f"{_NEXT[cause.kind]} ({docs})",
    }
    return _message("problem", cause, owners, lines, now)


def reminder(causes: Sequence[Cause], settings: Settings, ui: str, now: float) -> Message:
    """Return the one message that reminds of causes that are still open, oldest first."""
    if len(causes) == 1:
        owners = settings.owners(causes[0])
        return replace(problem(causes[0], owners, ui, settings.docs, now), status="reminder")
    lines = {
        f"{number}": f"{f'[{cause.location}] ' if cause.location else ''}{cause.title}, since {_since(cause)}: {ui}{cause.link}"
        for number, cause in enumerate(causes[:_SHOWN_CAUSES], 1)
    }
    if len(causes) > _SHOWN_CAUSES:
        lines["And"] = f"{len(causes) - _SHOWN_CAUSES} more"
    owners = tuple(sorted({owner for cause in causes for owner in settings.owners(cause)}))
    lines["Owner"] = ", ".join(owners) or "nobody is named"
    lines["Next"] = f"`slipway alerts list` says why; silence what can wait ({settings.docs})"
    title = f"{len(causes)} causes that were told more than {settings.remind_hours:g} h ago"
    return Message(
        secrets.token_hex(8), "reminder", "reminder", "reminder", "", list(owners), title, lines, ui, now
    )


def resolved(cause: Cause, owners: tuple[str, ...], ui: str, now: float) -> Message:
    """Return the message that a cause is over."""
    ended = cause.ended or now
    minutes = max(ended - cause.first, 0) / 60
    lines = {
        "Where": f"{cause.location}, {cause.where}" if cause.location else cause.where,
        "Was": cause.error,
        "Lasted": f"{_time(cause.first)} to {_time(ended)}, {minutes:.0f} min{_times(cause)}",
        "Owner": ", ".join(owners) or "nobody is named",
        "Open": ui + cause.link,
    }
    return _message("resolved", cause, owners, lines, now)


def trial_message(channel: str, now: float) -> Message:
    """Return a message that says that a channel works."""
    lines = {"Channel": channel, "Next": "Nothing: somebody tried whether alerts arrive here"}
    return Message(
        secrets.token_hex(8), "test", "test", "test", "", [], f"channel {channel} works", lines, "", now
    )


def _message(
    status: Status, cause: Cause, owners: tuple[str, ...], lines: dict[str, str], now: float
) -> Message:
    return Message(
        id=secrets.token_hex(8),
        status=status,
        cause=cause.key,
        kind=cause.kind,
        location=cause.location,
        owners=list(owners),
        title=cause.title,
        lines=lines,
        link=lines["Open"],
        at=now,
    )


def _since(cause: Cause) -> str:
    return _time(cause.first) + _times(cause)


def _times(cause: Cause) -> str:
    if cause.kind in CONTINUING or cause.count == 1:
        return ""
    return f", {cause.count} times"


def _more(cause: Cause) -> dict[str, str]:
    """Which things fail for the same cause, where there are several."""
    names = [subject.split(":", 1)[-1].rstrip("@") for subject in cause.subjects]
    if len(names) < 2:  # noqa: PLR2004
        return {}
    rest = f" and {len(names) - _SHOWN_SUBJECTS} more" if len(names) > _SHOWN_SUBJECTS else ""
    return {"Affected": ", ".join(names[:_SHOWN_SUBJECTS]) + rest}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
