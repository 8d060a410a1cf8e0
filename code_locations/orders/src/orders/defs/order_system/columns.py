"""The columns of the assets, with their types and what they mean.

Belongs here: one tuple per form of table. The frames are cast to them, and the UI shows them. Does not
belong here: columns of the source (`orders.schema`).
"""

import pyarrow as pa

import slipway.columns
from orders.schema import CUSTOMERS, INSTANT, MONEY, ORDERS
from slipway.columns import Column

NO_AMOUNT = "no amount"
NOT_A_NUMBER = "amount is not a number"
NO_CURRENCY = "no currency"
UNKNOWN_CURRENCY = "unknown currency"
REASONS = (NO_AMOUNT, NOT_A_NUMBER, NO_CURRENCY, UNKNOWN_CURRENCY)
"""Why an order can be without an amount in euros."""

# Letters of one case only, and no blanks around them.
_LOWER = r"^[^A-Z\s]([^A-Z]*[^A-Z\s])?$"
_UPPER = r"^[^a-z\s]([^a-z]*[^a-z\s])?$"

LINES = (
    Column("country", pa.string(), CUSTOMERS.columns[1].description),
    Column("lines", pa.int64(), "Number of the order's lines; 0 without any.", nullable=False, minimum=0),
    Column(
        "lines_total", MONEY, "Sum of quantity times unit price, in the order's currency.", nullable=False
    ),
)
"""What the source's other tables say of an order."""

DELIVERED = ORDERS.columns
RAW = DELIVERED + LINES

CLEANED = (
    Column("row_id", pa.int64(), "The delivery that is the newest: its row in the feed.", nullable=False),
    Column("order_id", pa.int64(), "The order; unique.", nullable=False),
    Column("customer_id", pa.int64(), "Who ordered; null for a guest."),
    Column("ordered_at", INSTANT, "When the order was placed.", nullable=False),
    Column("received_at", INSTANT, "When the newest delivery arrived.", nullable=False),
    Column("day", pa.date32(), "The UTC day of ordered_at.", nullable=False),
    Column(
        "is_late",
        pa.bool_(),
        "Whether the newest delivery arrived on a later day than `day`.",
        nullable=False,
    ),
    Column(
        "status",
        pa.string(),
        "In lower case without blanks: completed, shipped, cancelled, returned.",
        pattern=_LOWER,
    ),
    Column("currency", pa.string(), "Of the amount, ISO 4217, in upper case without blanks.", pattern=_UPPER),
    Column("amount", MONEY, "What the customer pays; null if the text was no number."),
    Column("amount_eur", MONEY, "The amount in euros at the location's fixed rates; null if quarantined."),
    Column(
        "quarantine_reason",
        pa.string(),
        "Why the order has no amount in euros; null for a good one.",
        allowed=REASONS,
    ),
)
"""One row per order, its newest delivery."""

CLEANED_WITH_LINES = CLEANED + LINES

DAILY_REVENUE = (
    Column("day", pa.date32(), "The UTC day of the orders.", nullable=False),
    Column("orders", pa.int64(), "Orders placed, whatever became of them.", nullable=False, minimum=1),
    Column(
        "revenue_eur", MONEY, "Sum of the orders that were neither cancelled nor returned.", nullable=False
    ),
    Column("returns", pa.int64(), "Orders that came back.", nullable=False, minimum=0),
    Column(
        "returned_eur", MONEY, "Sum of the orders that came back; no part of the revenue.", nullable=False
    ),
    Column("cancelled", pa.int64(), "Orders that were called off.", nullable=False, minimum=0),
    Column(
        "quarantined", pa.int64(), "Orders without an amount in euros; in no sum.", nullable=False, minimum=0
    ),
)

CUSTOMER_SPEND = (
    Column("day", pa.date32(), "The UTC day of the orders.", nullable=False),
    Column("customer_id", pa.int64(), "Who ordered; null for all guests together."),
    Column("orders", pa.int64(), "Orders placed, whatever became of them.", nullable=False, minimum=1),
    Column("spend_eur", MONEY, "Sum of the orders that were neither cancelled nor returned.", nullable=False),
    Column("returned_eur", MONEY, "Sum of the orders that came back; no part of the spend.", nullable=False),
)

table_schema = slipway.columns.table_schema
"""Return columns as Dagster shows them."""
