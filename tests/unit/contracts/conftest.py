"""A contract to bend, and an asset under it."""

import pyarrow as pa
import pytest

from slipway.contracts import Column, Contract, Published

COLUMNS = (
    Column("day", pa.date32(), "The day.", nullable=False),
    Column("shop", pa.string(), "Where.", pattern="^[a-z]+$"),
    Column("orders", pa.int64(), "How many.", nullable=False, minimum=0, maximum=1000),
    Column("euros", pa.decimal128(18, 2), "How much."),
    Column("state", pa.string(), "open or closed.", allowed=("open", "closed")),
)
CONTRACT = Contract("1.4.0", COLUMNS, unique=(("day", "shop"),), minimum_rows=1)


@pytest.fixture
def published() -> Published:
    return Published("north/sales", "north", CONTRACT, "north/sales.parquet", "Sales.", ("team:north",))
