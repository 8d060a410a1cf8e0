"""What an asset promises to those who read it.

Belongs here: the declaration, and its identity once it belongs to an asset. Does not belong here: how it
is written down (`document.py`), compared (`changes.py`) or enforced (`evaluation.py`, `enforcement.py`).
"""

import re
from dataclasses import dataclass

import pyarrow as pa

from slipway.columns import Column
from slipway.contracts.errors import DeclarationError
from slipway.contracts.types import logical_type, type_of

_VERSION = re.compile(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")


@dataclass(frozen=True)
class Contract:
    """The schema and the rules of one published asset.

    Attributes:
        version: `major.minor.patch`. What asks for which is in `changes.py`.
        columns: all of them. The asset may write no other, so that nobody comes to depend on one by chance.
        unique: keys: no two rows agree in all columns of one. Nulls agree with nulls. A key holds within
            what the asset returns in a run, not across partitions that were written by different runs.
        minimum_rows: least number of rows; only without partitions, as a day may well have none.
        maximum_rows: greatest number of rows; likewise.

    Raises:
        DeclarationError: a rule names a column that is not there, or can't be applied to its column's type.
    """

    version: str
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    minimum_rows: int | None = None
    maximum_rows: int | None = None

    def __post_init__(self) -> None:
        if not _VERSION.match(self.version):
            raise DeclarationError(f"{self.version!r} is no version: write major.minor.patch, e.g. 1.0.0")
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise DeclarationError(f"a contract names a column twice: {', '.join(names)}")
        for key in self.unique:
            if unknown := [name for name in key if name not in names]:
                raise DeclarationError(f"the unique key {key} has no such column: {', '.join(unknown)}")
        for column in self.columns:
            _require_writable(column)

    @property
    def number(self) -> tuple[int, int, int]:
        """The version, to be compared."""
        major, minor, patch = map(int, self.version.split("."))
        return major, minor, patch

    def column(self, name: str) -> Column | None:
        """Return the column called `name`, if there is one."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Published:
    """A contract of a certain asset.

    Attributes:
        asset: the asset key, its parts joined by /.
        domain: the code location that makes it.
        contract: the promise.
        path: the object below the storage's base URL; `<partition>` stands for the partition key.
        purpose: what the asset is, in a sentence.
        owners: who to ask.
        partitioned_by: the columns that divide it, by dimension's name.
    """

    asset: str
    domain: str
    contract: Contract
    path: str
    purpose: str = ""
    owners: tuple[str, ...] = ()
    partitioned_by: tuple[str, ...] = ()


def _require_writable(column: Column) -> None:
    """Refuse what can't be written down and read back, or makes no sense for the type."""
    where = f"column {column.name}"
    if type_of(str(column.type)) != column.type:
        raise DeclarationError(f"{where}: a contract can't name the type {column.type}")
    kind = logical_type(column.type)
    if column.pattern is not None:
        if kind != "string":
            raise DeclarationError(f"{where}: a pattern is for strings, and it is {column.type}")
        try:
            re.compile(column.pattern)
        except re.error as error:
            raise DeclarationError(f"{where}: the pattern {column.pattern!r} is none: {error}") from None
    limits = [limit for limit in (column.minimum, column.maximum) if limit is not None]
    if limits and kind not in ("integer", "number", "date", "timestamp"):
        raise DeclarationError(f"{where}: minimum and maximum are for numbers and times, not {column.type}")
    for value in (*limits, *(column.allowed or ())):
        try:
            pa.scalar(value, column.type)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise DeclarationError(f"{where}: {value!r} is no {column.type}: {error}") from None
