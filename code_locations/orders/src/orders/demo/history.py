"""A history of orders, generated piece by piece in bounded memory.

The same (seed, orders, until) gives the same rows: each piece has a random generator of its own,
seeded by its number, and pieces have a fixed size. Does not belong here: the database (`load.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from orders.demo.calendar import HOUR_WEIGHTS, orders_per_day
from orders.demo.customers import CURRENCIES, Numbers, country_numbers, customer_rows
from orders.demo.deliveries import DAY, Placed, delivered
from orders.rates import EUR_RATES
from orders.schema import FIRST_DAY, ORDER_LINES, arrow_schema

PIECE = 20_000
"""Orders, or customers, that are generated at a time. Another size is another history."""

_ORDERS_PER_CUSTOMER = 8
_LOYALTY = 1.7  # above 1: few customers place most orders
_FIRST_ORDER_ID = 100_001
_LINE_COUNT_SHARES = np.array([0.38, 0.27, 0.16, 0.1, 0.06, 0.03])
_QUANTITY_SHARES = np.array([0.7, 0.18, 0.07, 0.03, 0.02])
_ARTICLES = 500
_MEDIAN_CENTS = 1_990
_LOCAL_PRICES = np.array([1 / float(EUR_RATES[currency]) for currency in CURRENCIES])


@dataclass(frozen=True)
class Piece:
    """Rows of orders and of order_lines (all columns of `schema`), and the number of orders so far."""

    orders: pa.Table
    lines: pa.Table
    done: int


@dataclass(frozen=True)
class History:
    """`orders` orders from FIRST_DAY to `until`, inclusive, UTC.

    Every order is delivered by the end of `until`. There are a few more rows than orders, as some are
    delivered again; see `faults`.
    """

    orders: int
    seed: int
    until: date

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return self.orders // _ORDERS_PER_CUSTOMER + 1

    def customer_pieces(self) -> Iterator[pa.Table]:
        """Yield the rows of customers, PIECE at a time."""
        for start in range(0, self.customers, PIECE):
            yield customer_rows(np.arange(start, min(start + PIECE, self.customers)) + 1, self.seed)

    def pieces(self) -> Iterator[Piece]:
        """Yield the rows of orders and order_lines, PIECE orders at a time, by the time of the order."""
        first = int(datetime.combine(FIRST_DAY, time(), UTC).timestamp()) * 1_000_000
        end = first + ((self.until - FIRST_DAY) // timedelta(days=1) + 1) * DAY
        day_edges = np.cumsum(orders_per_day(self.orders, FIRST_DAY, self.until))
        prices = self._prices()
        next_row_id = 1
        for number, start in enumerate(range(0, self.orders, PIECE)):
            rng = np.random.default_rng([self.seed, 1, number])
            numbers = np.arange(start, min(start + PIECE, self.orders))
            placed, lines = self._placed(rng, numbers, first, day_edges, prices)
            rows = delivered(rng, placed, first, end, next_row_id)
            next_row_id += rows.num_rows
            yield Piece(rows, lines, int(numbers[-1]) + 1)

    def _prices(self) -> Numbers:
        """Return the price of each article in euro cents."""
        rng = np.random.default_rng([self.seed, 0])
        return np.rint(_MEDIAN_CENTS * rng.lognormal(0, 0.8, _ARTICLES)).astype(np.int64)

    def _placed(
        self, rng: np.random.Generator, numbers: Numbers, first: int, day_edges: Numbers, prices: Numbers
    ) -> tuple[Placed, pa.Table]:
        size = len(numbers)
        days = np.searchsorted(day_edges, numbers, side="right")
        hours = _draw(rng, size, HOUR_WEIGHTS / HOUR_WEIGHTS.sum())
        ordered = np.sort(first + days * DAY + hours * (DAY // 24) + rng.integers(0, DAY // 24, size))
        customers = (self.customers * rng.random(size) ** _LOYALTY).astype(np.int64) + 1
        countries = country_numbers(customers, self.seed)
        counts = _draw(rng, size, _LINE_COUNT_SHARES) + 1
        owners = np.repeat(np.arange(size), counts)
        articles = rng.integers(0, _ARTICLES, len(owners))
        quantities = _draw(rng, len(owners), _QUANTITY_SHARES) + 1
        cents = np.maximum(np.rint(prices[articles] * _LOCAL_PRICES[countries[owners]]), 1).astype(np.int64)
        totals = np.bincount(owners, weights=cents * quantities, minlength=size).astype(np.int64)
        ids = numbers + _FIRST_ORDER_ID
        firsts = np.cumsum(counts) - counts
        lines = {
            "order_id": ids[owners],
            "line_number": (np.arange(len(owners)) - firsts[owners] + 1).astype(np.int32),
            "sku": [f"SKU-{article:04d}" for article in articles.tolist()],
            "quantity": quantities.astype(np.int32),
            "unit_price": _money(cents),
        }
        table = pa.table(lines, schema=arrow_schema(ORDER_LINES.columns))
        return Placed(ids, customers, countries, ordered, totals), table


def _draw(rng: np.random.Generator, size: int, shares: np.ndarray) -> Numbers:
    """Draw indices of `shares`, which add up to 1."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(size), side="right")


def _money(cents: Numbers) -> pa.Array:
    """Return whole cents as the decimal of `unit_price`."""
    kind = arrow_schema(ORDER_LINES.columns).field("unit_price").type
    texts = pa.array([f"{each // 100}.{each % 100:02d}" for each in cents.tolist()], pa.string())
    return texts.cast(kind)
