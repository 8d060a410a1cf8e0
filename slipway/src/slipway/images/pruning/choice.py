"""Which tags of a place go: all but the newest of each name, and what somebody uses.

Does not belong here: where tags are found and how they are removed (`engine_store`, `registry_store`, `node_store`).
"""

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from slipway.cache import cache_folder

PREFIX = "slipway"
# A name of ours, with or without the registry before it, and its tag.
REFERENCE = re.compile(rf"(?:[\w.-]+(?::\d+)?/)?(?:[\w.-]+/)*{PREFIX}/[a-z0-9-]+:[\w.-]*\w")
_PACKED = "-packages"


@dataclass(frozen=True)
class Tagged:
    """A tag in one place.

    Attributes:
        reference: `[registry/]slipway/<name>:<tag>`; `...@<digest>` where no tag leads to it any more.
        digest: what it points to; another tag of the same digest is the same image.
        size: bytes as the place counts them; layers that images share are in each.
        when: seconds since the epoch: when it was last asked for here, else when it was made; 0 if nobody knows.
    """

    reference: str
    digest: str
    size: int
    when: float

    @property
    def name(self) -> str:
        """The reference without its tag; what servers' images are made of (`-packages`) counts apart."""
        name, _, tag = self.reference.rpartition(":")
        return name + (_PACKED if tag.endswith(_PACKED) else "")

    @property
    def image(self) -> str:
        """The image's own name, `orders`."""
        return self.reference.rpartition("/")[2].partition(":")[0].partition("@")[0]

    @property
    def shown(self) -> str:
        """The reference for people: a digest is known by its beginning."""
        return re.sub(
            r"(.*)sha256:(\w{12})\w*",
            lambda found: found[1] + (found[2] if found[1] else f"{found[2]} (no name)"),
            self.reference,
        )


@dataclass(frozen=True)
class Used:
    """What is in use: references, and digests."""

    references: frozenset[str] = field(default_factory=frozenset)
    digests: frozenset[str] = field(default_factory=frozenset)

    def __or__(self, other: "Used") -> "Used":
        return Used(self.references | other.references, self.digests | other.digests)


def old(found: Iterable[Tagged], used: Used, newest: int) -> list[Tagged]:
    """Return those of one place that are neither among the `newest` of their name nor used, in the order of their names.

    A tag of the same digest as one that stays, stays.
    """
    by_name: dict[str, list[Tagged]] = defaultdict(list)
    for each in found:
        by_name[each.name].append(each)
    kept: set[str] = set(used.digests)
    for tags in by_name.values():
        tags.sort(key=lambda each: (each.when, each.reference), reverse=True)
        kept |= {each.digest for each in tags[:newest] if "@" not in each.reference}
        kept |= {each.digest for each in tags if each.reference in used.references}
    return [each for name in sorted(by_name) for each in by_name[name] if each.digest not in kept]


def note(reference: str, when: float | None = None) -> None:
    """Remember that an image was asked for, just now by default: its own time is its commit's, which many images share."""
    file = _note_of(reference)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    if when is not None:
        os.utime(file, (when, when))


def noted(reference: str) -> float:
    """Return when `note` was last called for an image, or 0."""
    file = _note_of(reference)
    return file.stat().st_mtime if file.exists() else 0.0


def forget(references: Collection[str]) -> None:
    """Drop the notes about images that are removed."""
    for reference in references:
        _note_of(reference).unlink(missing_ok=True)


def _note_of(reference: str) -> Path:
    return cache_folder() / "images" / reference.replace("/", "+")
