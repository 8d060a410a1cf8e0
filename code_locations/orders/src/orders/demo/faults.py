"""How often each fault occurs in the demo, and how it looks.

Belongs here: rates, as a share of orders (of all orders unless said otherwise), and the forms. Does not
belong here: drawing (`history.py`). The rates are chosen so that 10,000 orders show each fault.
"""

# Ordinary business, not faults.
RETURNED = 0.06
"""The goods came back: status `returned`; the amount is positive and was refunded."""
CANCELLED = 0.03
"""Called off before it was sent: status `cancelled`."""
COMPLETED = 0.80
"""Status `completed`. The rest is `shipped`."""

# What is missing.
GUEST = 0.01
"""No customer."""
NO_STATUS = 0.002
NO_CURRENCY = 0.001
NO_AMOUNT = 0.001
"""NULL in `amount`."""
NO_EMAIL = 0.03
"""Share of customers without an address."""

# What the text of the amount can be.
BLANK_AMOUNT = 0.002
"""An empty text."""
WORDS = 0.003
"""One of WORD_FORMS in place of the number."""
WORD_FORMS = ("n/a", "-", "TBD", "see invoice", "12.5.0")
DECIMAL_COMMA = 0.01
"""`12,50`: readable."""
SCIENTIFIC = 0.002
"""`1.250000000e+01`, as spreadsheets write it: readable."""
PADDED = 0.005
"""Blanks around the number: readable."""
NEGATIVE = 0.002
"""A number below zero: kept, and shown by the check no_negative_amounts."""

# Other texts.
UNTIDY_STATUS = 0.01
"""`Completed ` and the like."""
UNKNOWN_CURRENCY = 0.001
"""A code that is none."""
UNKNOWN_CODES = ("XXX", "EURO")

# When and how often rows arrive.
LATE = 0.03
"""Arrives 1 to LATE_DAYS days after the order; the others within ON_TIME_SECONDS."""
LATE_DAYS = 6
ON_TIME_SECONDS = 600
REDELIVERED = 0.02
"""Delivered a second time, within LATE_DAYS days after the first."""
CORRECTED = 0.5
"""Share of redeliveries with another amount or status; the others only repeat the first."""
MOVED = 0.05
"""Share of redeliveries whose order turns out to be of the day before."""
SAME_INSTANT = 0.1
"""Share of redeliveries that arrive in the same microsecond as the first; the greater row_id is newer."""
