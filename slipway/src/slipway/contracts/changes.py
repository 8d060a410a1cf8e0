"""What became of a contract, and which version that asks for.

A change is **breaking** if something that a reader could rely on is no longer promised, so that a reader
that was right may now be wrong, or fail:

* a column is gone (a renamed one is gone, and another was added), or has another type, wider ones too;
* a column that had no nulls may have some;
* a minimum is lower or gone, a maximum higher or gone, a value more is allowed, a pattern is another or gone;
* a unique key is gone: no key is left that consists of it or of some of its columns;
* the row count's bounds are wider or gone;
* the objects lie elsewhere: the asset is divided by partitions, no longer, or by another column;
* the whole asset is no longer published.

It asks for a new major version. A change is an **addition** if all that was promised still is: a column, a
rule, a key, a bound that is narrower. It asks for a new minor version. New rules can't break a reader; they
can end the asset's own runs, and of a partition that was written before they say nothing until it is made
anew. Descriptions, owners and the order of columns ask for nothing.

Belongs here: comparing. Does not belong here: where the two contracts come from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slipway.columns import Column
from slipway.contracts.contract import Contract, Published
from slipway.contracts.types import same_type


@dataclass(frozen=True)
class Change:
    """One difference, in words; `breaking` as the module says."""

    breaking: bool
    text: str

    def __str__(self) -> str:
        return f"{'BREAKING' if self.breaking else 'addition'}: {self.text}"


def changes(old: Published, new: Published) -> list[Change]:
    """Return what `new` takes away and adds, breaking changes first."""
    found = [
        *_of_place(old, new),
        *of_columns(old.contract, new.contract),
        *of_keys(old.contract, new.contract),
    ]
    found += _bound("row count", "minimum", old.contract.minimum_rows, new.contract.minimum_rows, least=True)
    found += _bound("row count", "maximum", old.contract.maximum_rows, new.contract.maximum_rows, least=False)
    return sorted(found, key=lambda change: not change.breaking)


def version_needed(old: Published, new: Published) -> str | None:
    """Return the least version that `new` must have, or None if the one it has will do."""
    found = changes(old, new)
    major, minor, _ = old.contract.number
    if any(change.breaking for change in found):
        least = (major + 1, 0, 0)
    elif found:
        least = (major, minor + 1, 0)
    else:
        least = old.contract.number
    return None if new.contract.number >= least else ".".join(map(str, least))


def _of_place(old: Published, new: Published) -> Iterator[Change]:
    if old.path != new.path:
        yield Change(True, f"its objects are at {new.path}, and were at {old.path}")
    if old.partitioned_by != new.partitioned_by:
        was, now = (", ".join(each.partitioned_by) or "no column" for each in (old, new))
        yield Change(True, f"it is divided by {now}, and was by {was}")


def of_columns(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what became of the columns and their rules."""
    for column in old.columns:
        successor = new.column(column.name)
        if successor is None:
            yield Change(True, f"column {column.name} ({column.type}) is gone")
        else:
            yield from _of_column(column, successor)
    for column in new.columns:
        if old.column(column.name) is None:
            yield Change(False, f"column {column.name} ({column.type}) is new")


def _of_column(old: Column, new: Column) -> Iterator[Change]:
    where = f"column {old.name}"
    if not same_type(old.type, new.type):
        yield Change(True, f"{where} is {new.type}, and was {old.type}")
        return
    if old.nullable != new.nullable:
        yield Change(new.nullable, f"{where} {'may now have' if new.nullable else 'no longer has'} nulls")
    yield from _bound(where, "minimum", old.minimum, new.minimum, least=True)
    yield from _bound(where, "maximum", old.maximum, new.maximum, least=False)
    if old.pattern != new.pattern:
        was, now = (repr(each.pattern) if each.pattern is not None else "none" for each in (old, new))
        yield Change(old.pattern is not None, f"{where}: pattern is {now}, and was {was}")
    yield from _of_allowed(where, old.allowed, new.allowed)


def _of_allowed(where: str, old: tuple[Any, ...] | None, new: tuple[Any, ...] | None) -> Iterator[Change]:
    if new is None:
        if old is not None:
            yield Change(True, f"{where}: any value is allowed, and were {', '.join(map(str, old))}")
        return
    if old is None:
        yield Change(False, f"{where}: only {', '.join(map(str, new))} are allowed")
        return
    if more := [str(value) for value in new if value not in old]:
        yield Change(True, f"{where}: also allowed is {', '.join(more)}")
    if fewer := [str(value) for value in old if value not in new]:
        yield Change(False, f"{where}: no longer allowed is {', '.join(fewer)}")


def _bound(where: str, name: str, old: Any, new: Any, *, least: bool) -> Iterator[Change]:
    if old == new:
        return
    was, now = ("none" if each is None else str(each) for each in (old, new))
    wider = new is None or (old is not None and (new < old if least else new > old))
    yield Change(wider, f"{where}: {name} is {now}, and was {was}")


def of_keys(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what became of the unique keys; a key implies every key that has its columns and more."""
    for key in old.unique:
        if not any(set(other) <= set(key) for other in new.unique):
            yield Change(True, f"{_named(key)} is no longer unique")
    for key in new.unique:
        if not any(set(other) <= set(key) for other in old.unique):
            yield Change(False, f"{_named(key)} is unique")


def _named(key: tuple[str, ...]) -> str:
    return f"column {key[0]}" if len(key) == 1 else f"the combination of {', '.join(key)}"
