"""What this location relies on of another one's asset, against what that one has committed to."""

from pathlib import Path

from sales.defs.comparison import EXPECTED
from slipway.contracts.document import from_bytes

ORDERS = Path(__file__).parents[2] / "orders" / "contracts"


def test_orders_promises_what_is_read_of_it() -> None:
    file = ORDERS / f"{EXPECTED.asset}.odcs.yaml"
    EXPECTED.check(from_bytes(file.read_bytes(), str(file)))
