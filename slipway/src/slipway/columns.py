"""Columns: of a table that is read, of an asset that is written, of a contract with others.

Belongs here: what one column is, declared once, and the forms that others want of it (an Arrow schema,
Dagster's column schema). Does not belong here: rules over several columns (`slipway.contracts`), and
Dagster at import, so that a program without it (a demo's generator) starts quickly.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import dagster as dg

Limit = int | float | Decimal | date | datetime


@dataclass(frozen=True)
class Column:
    """One column, and what holds for each of its values.

    Attributes:
        name: as in the frame.
        type: as in the frame.
        description: what the values mean, for readers.
        nullable: whether values may be missing. The other rules are about those that are there.
        minimum: the least value, itself included.
        maximum: the greatest value, itself included.
        allowed: all values that there may be.
        pattern: a regular expression (RE2) that is found in every value; with ^ and $ it is all of it.
    """

    name: str
    type: pa.DataType
    description: str
    nullable: bool = True
    minimum: Limit | None = field(default=None, kw_only=True)
    maximum: Limit | None = field(default=None, kw_only=True)
    allowed: tuple[str | int, ...] | None = field(default=None, kw_only=True)
    pattern: str | None = field(default=None, kw_only=True)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules in words, without that on nulls."""
        named = {"minimum": self.minimum, "maximum": self.maximum, "pattern": self.pattern}
        said = [f"{name} {value}" for name, value in named.items() if value is not None]
        return (*said, *([f"one of {', '.join(map(str, self.allowed))}"] if self.allowed is not None else []))


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return `columns` as the schema of a frame. Nullability is left to the asset's column schema."""
    return pa.schema([(column.name, column.type) for column in columns])


def table_schema(columns: Iterable[Column], unique: Iterable[str] = ()) -> "dg.TableSchema":
    """Return `columns` as Dagster shows them: type, description, rules; `unique` are keys by themselves."""
    import dagster as dg  # noqa: PLC0415

    keys = set(unique)
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                str(column.type),
                column.description,
                dg.TableColumnConstraints(
                    nullable=column.nullable, unique=column.name in keys, other=list(column.rules)
                ),
            )
            for column in columns
        ]
    )
