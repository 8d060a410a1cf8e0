"""What a unit of each currency is worth in euros.

Fixed on purpose: a rerun of an old day must give the same bytes. The figures are the European Central
Bank's order of magnitude of 2026-01, rounded, and not for accounting; a table of rates by day belongs
into an asset of its own.
"""

from decimal import Decimal

EUR_RATES: dict[str, Decimal] = {
    "EUR": Decimal("1.000000"),
    "USD": Decimal("0.860000"),
    "GBP": Decimal("1.150000"),
    "PLN": Decimal("0.237000"),
    "CHF": Decimal("1.070000"),
    "SEK": Decimal("0.093000"),
}
"""ISO 4217 code to euros per unit, 6 decimal places. A currency that is not here is quarantined."""
