"""The columns of the assets, with their types and what they mean.

Declared once: the frames are cast to them, the files are read by them, and the UI shows them.
"""

from dataclasses import dataclass

import dagster as dg
import pyarrow as pa

MONEY = pa.decimal128(18, 2)


@dataclass(frozen=True)
class Column:
    """One column of an asset."""

    name: str
    type: pa.DataType
    description: str
    nullable: bool = False


ROWS = (
    Column("sale_id", pa.string(), "The sale; unique."),
    Column("day", pa.date32(), "The day of the sale."),
    Column("country", pa.string(), "Where it was sold, ISO 3166-1 alpha-2."),
    Column("amount_eur", MONEY, "What was paid, in euros; below zero for what was given back."),
)
"""One row per sale; a file has these columns, by name, and may have others."""

TOTALS = (
    Column("country", pa.string(), "Where it was sold, ISO 3166-1 alpha-2; unique."),
    Column("sales", pa.int64(), "Number of sales."),
    Column("total_eur", MONEY, "Sum of amount_eur."),
    Column("first_day", pa.date32(), "The earliest day with a sale."),
    Column("last_day", pa.date32(), "The latest day with a sale."),
)
"""One row per country."""


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return `columns` as the schema of a frame."""
    return pa.schema([(column.name, column.type) for column in columns])


def table_schema(columns: tuple[Column, ...]) -> dg.TableSchema:
    """Return `columns` as Dagster shows them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                str(column.type),
                column.description,
                dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in columns
        ]
    )
