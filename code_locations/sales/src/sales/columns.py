"""The columns of the assets, with their types and what they mean.

Declared once: the frames are cast to them, the files are read by them, and the UI shows them.
"""

import pyarrow as pa

from slipway.columns import Column

MONEY = pa.decimal128(18, 2)
_COUNTRY = "^[A-Z]{2}$"

ROWS = (
    Column("sale_id", pa.string(), "The sale; unique.", nullable=False),
    Column("day", pa.date32(), "The day of the sale.", nullable=False),
    Column(
        "country", pa.string(), "Where it was sold, ISO 3166-1 alpha-2.", nullable=False, pattern=_COUNTRY
    ),
    Column(
        "amount_eur", MONEY, "What was paid, in euros; below zero for what was given back.", nullable=False
    ),
)
"""One row per sale; a file has these columns, by name, and may have others."""

TOTALS = (
    Column("country", pa.string(), "Where it was sold; unique.", nullable=False, pattern=_COUNTRY),
    Column("sales", pa.int64(), "Number of sales.", nullable=False, minimum=1),
    Column("total_eur", MONEY, "Sum of amount_eur.", nullable=False),
    Column("first_day", pa.date32(), "The earliest day with a sale.", nullable=False),
    Column("last_day", pa.date32(), "The latest day with a sale.", nullable=False),
)
"""One row per country."""
