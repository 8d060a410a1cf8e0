"""Who orders: everything about a customer follows from its number and the seed.

So that an order knows its customer's country without a table of customers in memory. Does not belong
here: what they order (`history.py`).
"""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orders.demo.faults import NO_EMAIL
from orders.schema import CUSTOMERS, arrow_schema

COUNTRIES = ("DE", "FR", "NL", "US", "GB", "PL", "CH", "SE")
CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP", "PLN", "CHF", "SEK")
"""Of the country at the same place; each is in `orders.rates.EUR_RATES`."""
_COUNTRY_SHARES = np.array([0.34, 0.16, 0.1, 0.14, 0.1, 0.08, 0.04, 0.04])
_FIRST_NAMES = ("Anna", "Ben", "Chloé", "Dmitri", "Elif", "Finn", "Grace", "Hanna", "Ivo", "Jun", "Łucja")
_LAST_NAMES = ("Andersson", "Baker", "Çelik", "Dubois", "Evans", "Fischer", "García", "Horvat", "O'Brien")
_OPENED_FROM = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp())
_OPENED_UNTIL = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())

Numbers = npt.NDArray[np.int64]


def country_numbers(customer_ids: Numbers, seed: int) -> Numbers:
    """Return for each customer an index into COUNTRIES."""
    return np.searchsorted(np.cumsum(_COUNTRY_SHARES)[:-1], _uniform(customer_ids, seed, 1), side="right")


def customer_rows(customer_ids: Numbers, seed: int) -> pa.Table:
    """Return the rows of table customers, with the columns of `schema.CUSTOMERS`."""
    countries = country_numbers(customer_ids, seed)
    first = _pick(customer_ids, seed, 2, len(_FIRST_NAMES))
    last = _pick(customer_ids, seed, 3, len(_LAST_NAMES))
    without_email = _uniform(customer_ids, seed, 4) < NO_EMAIL
    opened = _OPENED_FROM + _pick(customer_ids, seed, 5, _OPENED_UNTIL - _OPENED_FROM)
    columns = {
        "customer_id": customer_ids,
        "country": [COUNTRIES[number] for number in countries],
        "name": [f"{_FIRST_NAMES[a]} {_LAST_NAMES[b]}" for a, b in zip(first, last, strict=True)],
        "email": [
            None if missing else f"customer{number}@example.com"
            for number, missing in zip(customer_ids, without_email, strict=True)
        ],
        "created_at": pa.array(opened * 1_000_000).cast(pa.timestamp("us", "UTC")),
    }
    return pa.table(columns, schema=arrow_schema(CUSTOMERS.columns))


def _pick(numbers: Numbers, seed: int, salt: int, choices: int) -> Numbers:
    return (_uniform(numbers, seed, salt) * choices).astype(np.int64)


def _uniform(numbers: Numbers, seed: int, salt: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each of `numbers`, the same every time.

    The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    """
    gamma = 0x9E3779B97F4A7C15
    start = np.uint64((seed * 0xD1342543DE82EF95 + salt * gamma) % 2**64)
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) * np.uint64(gamma) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53
