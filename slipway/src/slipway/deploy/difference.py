"""What an upgrade would change, object by object, as a unified diff.

Compares what is deployed with what would be. Values of Secrets are never shown, only that they differ.
Does not belong here: asking helm for either side.
"""

import difflib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

Key = tuple[str, str]
_CONTEXT = 3
# Of this process alone: what is printed can't be tried against a list of likely passwords.
_KEY = secrets.token_bytes(32)


def changes(before: str, after: str) -> dict[Key, str]:
    """Return the unified diffs of the objects that differ, by (kind, name); objects that are alike are left out.

    `before` and `after` are YAML documents. Added and removed objects are diffs against nothing.
    """
    old, new = _objects(before), _objects(after)
    found = {}
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            found[key] = "\n".join(_lines(key, old.get(key), new.get(key)))
    return found


def summary(differences: Iterable[str]) -> str:
    """Return how many objects are added, removed and changed; `nothing changes` for none."""
    counts = {"added": 0, "removed": 0, "changed": 0}
    for text in differences:
        counts[_sort_of(text)] += 1
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return said or "nothing changes"


def _sort_of(text: str) -> str:
    heads = text.splitlines()[:2]
    if heads[0] == "--- nothing":
        return "added"
    return "removed" if heads[1] == "+++ nothing" else "changed"


def _objects(documents: str) -> dict[Key, Any]:
    found = {}
    for document in yaml.safe_load_all(documents):
        if document:
            found[document["kind"], document["metadata"]["name"]] = _masked(document)
    return found


def _masked(document: dict[str, Any]) -> dict[str, Any]:
    if document["kind"] != "Secret":
        return document
    hidden = {
        part: {key: _fingerprint(value) for key, value in document[part].items()}
        for part in ("data", "stringData")
        if document.get(part)
    }
    return {**document, **hidden}


def _fingerprint(value: object) -> str:
    return f"(hidden, {hmac.digest(_KEY, str(value).encode(), 'sha256').hex()[:8]})"


def _lines(key: Key, old: Any, new: Any) -> Iterator[str]:
    name = "/".join(key)
    return difflib.unified_diff(
        _text(old),
        _text(new),
        f"{name} (deployed)" if old else "nothing",
        name if new else "nothing",
        lineterm="",
        n=_CONTEXT,
    )


def _text(document: Any) -> list[str]:
    return yaml.safe_dump(document, sort_keys=True).splitlines() if document else []
