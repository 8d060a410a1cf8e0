"""What the published assets promise to readers of other code locations.

Belongs here: versions, unique keys and row counts; a column's own rules stand with the column (`columns.py`).
Published is what is cleaned: `raw_orders` and `bronze_orders` are as the source sent them, and promise nothing.
How to change one: docs/contracts.md.
"""

from orders.defs.order_system import columns
from slipway.contracts import Contract

CLEANED_ORDERS = Contract("1.0.0", columns.CLEANED_WITH_LINES, unique=(("order_id",),), minimum_rows=1)
DAILY_REVENUE = Contract("1.0.0", columns.DAILY_REVENUE, unique=(("day",),), minimum_rows=1)
DAILY_ORDERS = Contract("1.0.0", columns.CLEANED_WITH_LINES, unique=(("order_id",),))
CUSTOMER_SPEND = Contract("1.0.0", columns.CUSTOMER_SPEND, unique=(("day", "customer_id"),))
SILVER_ORDERS = Contract("1.0.0", columns.CLEANED, unique=(("order_id",),))
