"""`alerts.toml`: which channels there are, who is told through which, what is silenced, and how often is looked.

URLs, users and passwords never stand in the file: it names the environment variables that carry them.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from slipway.alerts.causes import Cause
from slipway.local.errors import LocalPlatformError

FILE = "alerts.toml"
Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True)
class FileChannel:
    """Appends a line of JSON per message to `path`, which may be relative to the state folder."""

    name: str
    path: str = "alerts.jsonl"


@dataclass(frozen=True)
class SlackChannel:
    """Posts to a Slack-compatible incoming webhook, whose URL is in the environment variable `url_variable`."""

    name: str
    url_variable: str


@dataclass(frozen=True)
class EmailChannel:
    """Sends e-mail over SMTP; `username_variable` and `password_variable` name environment variables."""

    name: str
    to: tuple[str, ...]
    sender: str
    host: str
    port: int = 587
    security: Security = "starttls"
    username_variable: str = ""
    password_variable: str = ""


Channel = FileChannel | SlackChannel | EmailChannel


@dataclass(frozen=True)
class Silence:
    """Nothing is said of causes that `match` fits, until `until`. `match` is a pattern like `check orders *`."""

    match: str
    until: datetime

    def covers(self, cause: Cause, now: float) -> bool:
        """Whether the cause is to be kept quiet at this moment."""
        name = f"{cause.kind} {cause.location or 'platform'} {cause.title}"
        return now < self.until.timestamp() and (self.match == cause.key or fnmatchcase(name, self.match))


@dataclass(frozen=True)
class Settings:
    """The whole file.

    Attributes:
        channels: by name.
        default: the channels for what no route fits.
        routes: owner to channels.
        locations: code location to the owner of what has none there (its ticks, its own failure to load).
        silences: what is kept quiet.
        ui: where people find the UI; None means the webserver that is asked.
        docs: where this page is to be found.
        heartbeat_variable: the environment variable with a URL that is asked once a minute: a dead man's switch.
        poll_seconds: between two looks.
        gather_seconds: how long failures are gathered before the first message of their cause.
        grace_seconds: how long a code location or the webserver may be away, as at a restart.
        remind_hours: after how long, and how often, a channel is reminded of what is open; 0 means never.
        daemon_stale_seconds: the age of a heartbeat that means trouble; the daemon sends one each 30 s.
    """

    channels: Mapping[str, Channel] = field(default_factory=lambda: {"file": FileChannel("file")})
    default: tuple[str, ...] = ("file",)
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    ui: str | None = None
    docs: str = "docs/alerts.md"
    heartbeat_variable: str = ""
    poll_seconds: float = 5.0
    gather_seconds: float = 30.0
    grace_seconds: float = 60.0
    remind_hours: float = 24.0
    daemon_stale_seconds: float = 90.0

    def owners(self, cause: Cause) -> tuple[str, ...]:
        """Return who owns a cause: the assets' owners, else the code location's."""
        location = self.locations.get(cause.location)
        return tuple(cause.owners) or ((location,) if location else ())

    def channels_for(self, cause: Cause) -> tuple[str, ...]:
        """Return the channels that are told of a cause; those of `default` where no owner has a route."""
        routed = [name for owner in self.owners(cause) for name in self.routes.get(owner, ())]
        return tuple(dict.fromkeys(routed)) or self.default

    def is_silenced(self, cause: Cause, now: float) -> bool:
        """Whether the cause is to be kept quiet at this moment."""
        return any(silence.covers(cause, now) for silence in self.silences)


def read_settings(file: Path) -> Settings:
    """Read the file; where there is none, everything goes to a file in the state folder.

    Raises:
        LocalPlatformError: it can't be read, or names a channel, a key or a type that does not exist.
    """
    if not file.exists():
        return Settings()
    try:
        return _parse(tomllib.loads(file.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        text = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise LocalPlatformError(f"{file}: {text}.", "docs/alerts.md shows what it may hold.") from error


def secret(variable: str) -> str:
    """Return what the environment variable holds.

    Raises:
        LookupError: it is not set, or empty.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise LookupError(f"the environment variable {variable} is not set")
    return value


def _parse(content: dict[str, Any]) -> Settings:
    channels = {name: _channel(name, dict(table)) for name, table in content.pop("channels", {}).items()}
    channels = channels or {"file": FileChannel("file")}
    routes = {owner: tuple(names) for owner, names in content.pop("routes", {}).items()}
    default = tuple(content.pop("default", channels))
    for name in {*default, *(name for names in routes.values() for name in names)}:
        if name not in channels:
            raise ValueError(f"there is no channel {name!r}, only {', '.join(channels)}")
    silences = tuple(_silence(each) for each in content.pop("silences", ()))
    return Settings(channels=channels, routes=routes, default=default, silences=silences, **content)


def _channel(name: str, table: dict[str, Any]) -> Channel:
    kind = table.pop("type", None)
    try:
        if kind == "file":
            return FileChannel(name, **table)
        if kind == "slack":
            return SlackChannel(name, **table)
        if kind == "email":
            security = table.get("security", "starttls")
            if security not in ("none", "starttls", "tls"):
                raise ValueError(f"channel {name}: security {security!r} is none of none, starttls, tls")
            to = table.pop("to")
            return EmailChannel(
                name, to=(to,) if isinstance(to, str) else tuple(to), sender=table.pop("from"), **table
            )
    except TypeError as error:
        raise ValueError(f"channel {name}: {str(error).split(') ', 1)[-1].split('() ', 1)[-1]}") from error
    raise ValueError(f"channel {name} has type {kind!r}; there are file, slack and email")


def _silence(table: dict[str, Any]) -> Silence:
    until = table["until"]
    if not isinstance(until, datetime):
        raise TypeError(f"the silence of {table['match']!r} needs a date and time in `until`")
    return Silence(table["match"], until if until.tzinfo else until.replace(tzinfo=UTC))
