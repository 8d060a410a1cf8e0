"""The order system's tables: what this location reads of them, and what the demo creates.

The contract with the source, written once: the demo's CREATE TABLE, the columns that the assets
select, the check that a database has them, and the columns' descriptions in the UI all come from
here. Does not belong here: the columns of assets beyond those of the source (`defs/order_system/columns.py`),
and Dagster, so that the demo starts without it.
"""

from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from slipway import columns

FIRST_DAY = date(2026, 1, 1)
"""The first day (UTC) of the order system's history."""

INSTANT = pa.timestamp("us", "UTC")
MONEY = pa.decimal128(18, 2)


@dataclass(frozen=True)
class Column(columns.Column):
    """One column of a table.

    `read` is False for columns of the source that no asset reads: a database of one's own needs them not.
    """

    read: bool = field(default=True, kw_only=True)

    @property
    def sql_type(self) -> str:
        """The Postgres type that `type` is read from."""
        if pa.types.is_decimal(self.type):
            return f"numeric({self.type.precision}, {self.type.scale})"
        return _SQL_TYPES[self.type]


_SQL_TYPES = {
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.string(): "text",
    INSTANT: "timestamptz",
}


@dataclass(frozen=True)
class Table:
    """One table; `indexes` are those the assets' queries need beside the primary key."""

    name: str
    description: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """The columns that assets read."""
        return tuple(column for column in self.columns if column.read)

    def select_list(self, alias: str) -> str:
        """Return the read columns for a SELECT, each cast to its type.

        The casts make a database of one's own fit that has, say, integer keys or a numeric amount.
        """
        return ", ".join(
            f'CAST({alias}."{column.name}" AS {column.sql_type}) AS "{column.name}"'
            for column in self.read_columns
        )


CUSTOMERS = Table(
    name="customers",
    description="One row per customer.",
    columns=(
        Column("customer_id", pa.int64(), "The customer.", nullable=False),
        Column("country", pa.string(), "Where the customer lives, ISO 3166-1 alpha-2."),
        Column("name", pa.string(), "The customer's name.", read=False),
        Column("email", pa.string(), "The customer's address; some gave none.", read=False),
        Column("created_at", INSTANT, "When the account was opened.", nullable=False, read=False),
    ),
    primary_key=("customer_id",),
)

ORDERS = Table(
    name="orders",
    description="The feed of orders: one row per delivery; an order is delivered again when it is corrected.",
    columns=(
        Column(
            "row_id",
            pa.int64(),
            "The delivered row. Of two that arrived at the same instant, the greater is newer.",
            nullable=False,
        ),
        Column("order_id", pa.int64(), "The order; not unique, orders are delivered again.", nullable=False),
        Column("customer_id", pa.int64(), "Who ordered; null for a guest."),
        Column("ordered_at", INSTANT, "When the order was placed.", nullable=False),
        Column("received_at", INSTANT, "When this row arrived; for late ones days later.", nullable=False),
        Column("status", pa.string(), "completed, shipped, cancelled or returned; case and blanks vary."),
        Column("currency", pa.string(), "Of the amount, ISO 4217."),
        Column(
            "amount", pa.string(), "What the customer pays: text as the shops send it, not always a number."
        ),
    ),
    primary_key=("row_id",),
    indexes=(("order_id",), ("ordered_at",), ("received_at",)),
)

ORDER_LINES = Table(
    name="order_lines",
    description="What was ordered, one row per article of an order.",
    columns=(
        Column("order_id", pa.int64(), "The order.", nullable=False),
        Column("line_number", pa.int32(), "Counts from 1 within the order.", nullable=False, read=False),
        Column("sku", pa.string(), "The article.", nullable=False, read=False),
        Column("quantity", pa.int32(), "Pieces.", nullable=False),
        Column("unit_price", pa.decimal128(12, 2), "Of one piece, in the order's currency.", nullable=False),
    ),
    primary_key=("order_id", "line_number"),
)

SOURCE = (CUSTOMERS, ORDERS, ORDER_LINES)


def required(*tables: Table) -> dict[str, list[str]]:
    """Return, per table, the columns that must exist for the assets that read `tables`."""
    return {table.name: [column.name for column in table.read_columns] for table in tables}


arrow_schema = columns.arrow_schema
"""Return columns as the schema of a frame."""
