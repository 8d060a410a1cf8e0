"""What makes two errors the same one: the innermost exception and its first line, without what varies by chance."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

# A line shorter than this ("KeyError: 'id'") says too little: there the place is a part of the cause.
TELLING = 24
LONGEST = 400
"""So many characters of an error are told."""
# What differs from one occurrence to the next: ids, addresses, dates, counts.
_VARYING = re.compile(
    r"0x[0-9a-f]+|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b|\d+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RootError:
    """The innermost error of a chain: its class, and the first line of what it said."""

    name: str
    line: str

    def __str__(self) -> str:
        return self.line if self.line.startswith(self.name) else f"{self.name}: {self.line}".rstrip(": ")


def root_error(error: dict[str, Any] | None, otherwise: str = "") -> RootError:
    """Return the root of an error as GraphQL gives it (`className`, `message`, `causes`), else `otherwise`."""
    if not error:
        return RootError("", _first_line(otherwise))
    innermost = (error.get("causes") or [error])[-1]
    return RootError((innermost.get("className") or "").rsplit(".", 1)[-1], _first_line(innermost["message"]))


def fingerprint(kind: str, location: str, owners: tuple[str, ...], error: RootError, place: str) -> str:
    """Return the key that failures of the same cause share: 12 hexadecimal digits.

    Owners are a part of it, for each of them is told; `place` only where the error's own words are too few.
    """
    line = _VARYING.sub("#", error.line)
    parts = [kind, location, *sorted(owners), error.name, line]
    if len(line) < TELLING:
        # The branches of a dynamic step are one place.
        parts.append(re.sub(r"\[[^]]*\]", "[]", place))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0][:LONGEST] if lines else ""
