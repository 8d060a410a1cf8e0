"""From what was ordered to what arrives: late, twice, with nulls and with bad texts.

Belongs here: the drawing of the faults of `faults.py`. Does not belong here: what was ordered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orders.demo import faults
from orders.demo.customers import CURRENCIES

Numbers = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True)
class Placed:
    """Orders as they were placed, one element per order.

    `ordered` is in microseconds since 1970 UTC, `cents` the sum of the lines in the order's currency.
    """

    order_id: Numbers
    customer_id: Numbers
    country: Numbers
    ordered: Numbers
    cents: Numbers


def delivered(rng: np.random.Generator, placed: Placed, first: int, end: int, next_row_id: int) -> pa.Table:
    """Return the rows that arrive for `placed`, with the columns of `schema.ORDERS`, as they arrive.

    Every order arrives at least once and nothing after `end`: delays are wrapped into what is left of
    the history. `first` and `end` are its bounds in microseconds; row ids count up from `next_row_id`.
    """
    size = len(placed.order_id)
    received = placed.ordered + _delays(rng, size) % (end - placed.ordered)
    status, currency = _statuses(rng, size), _currencies(rng, placed.country)
    amount = _amounts(rng, placed.cents)
    again = np.flatnonzero(rng.random(size) < faults.REDELIVERED)
    ordered_again = np.where(
        rng.random(len(again)) < faults.MOVED,
        np.maximum(placed.ordered[again] - DAY, first),
        placed.ordered[again],
    )
    # The first delivery is no instant later than the second; those of SAME_INSTANT are equal.
    waited = rng.integers(1, faults.LATE_DAYS * DAY, len(again)) % (end - received[again])
    waited[rng.random(len(again)) < faults.SAME_INSTANT] = 0
    status_again, amount_again = _corrected(rng, status[again], amount[again], placed.cents[again])
    all_received = np.concatenate([received, received[again] + waited])
    order = np.argsort(all_received, kind="stable")
    guest = rng.random(size) < faults.GUEST
    rows = np.concatenate([np.arange(size), again])[order]
    return pa.table(
        {
            "row_id": next_row_id + np.arange(len(order)),
            "order_id": placed.order_id[rows],
            "customer_id": pa.array(placed.customer_id[rows], mask=guest[rows]),
            "ordered_at": _instants(np.concatenate([placed.ordered, ordered_again])[order]),
            "received_at": _instants(all_received[order]),
            "status": pa.array(np.concatenate([status, status_again])[order], pa.string()),
            "currency": pa.array(currency[rows], pa.string()),
            "amount": pa.array(np.concatenate([amount, amount_again])[order], pa.string()),
        }
    )


def _instants(microseconds: Numbers) -> pa.Array:
    return pa.array(microseconds).cast(pa.timestamp("us", "UTC"))


def _delays(rng: np.random.Generator, size: int) -> Numbers:
    on_time = rng.integers(0, faults.ON_TIME_SECONDS * 1_000_000, size)
    late = rng.integers(DAY, faults.LATE_DAYS * DAY, size)
    return np.where(rng.random(size) < faults.LATE, late, on_time)


def _kinds(rng: np.random.Generator, size: int, rates: Sequence[float]) -> Numbers:
    """Draw for each element the index of one of `rates`, or their number where none applies."""
    return np.searchsorted(np.cumsum(rates), rng.random(size), side="right")


def _statuses(rng: np.random.Generator, size: int) -> Texts:
    forms = np.array(["completed", "returned", "cancelled", None, "shipped"], dtype=object)
    rates = (faults.COMPLETED, faults.RETURNED, faults.CANCELLED, faults.NO_STATUS)
    statuses = forms[_kinds(rng, size, rates)]
    for place in np.flatnonzero(rng.random(size) < faults.UNTIDY_STATUS):
        statuses[place] = statuses[place] and f"{statuses[place].title()} "
    return statuses


def _currencies(rng: np.random.Generator, country: Numbers) -> Texts:
    currencies = np.array(CURRENCIES, dtype=object)[country]
    kinds = _kinds(rng, len(country), (faults.NO_CURRENCY, faults.UNKNOWN_CURRENCY))
    currencies[kinds == 0] = None
    unknown = np.flatnonzero(kinds == 1)
    currencies[unknown] = np.array(faults.UNKNOWN_CODES, dtype=object)[
        rng.integers(0, len(faults.UNKNOWN_CODES), len(unknown))
    ]
    return currencies


def _plain(cents: Numbers) -> Texts:
    """Return whole cents as `12.50`."""
    return np.array([f"{each // 100}.{each % 100:02d}" for each in cents.tolist()], dtype=object)


def _amounts(rng: np.random.Generator, cents: Numbers) -> Texts:
    texts = _plain(cents)
    words = rng.integers(0, len(faults.WORD_FORMS), len(cents))
    rates = (
        faults.NO_AMOUNT,
        faults.BLANK_AMOUNT,
        faults.WORDS,
        faults.DECIMAL_COMMA,
        faults.SCIENTIFIC,
        faults.PADDED,
        faults.NEGATIVE,
    )
    kinds = _kinds(rng, len(cents), rates)
    for place in np.flatnonzero(kinds < len(rates)):
        plain = texts[place]
        forms = (
            None,
            "",
            faults.WORD_FORMS[words[place]],
            plain.replace(".", ","),
            f"{cents[place] / 100:.9e}",
            f"  {plain} ",
            f"-{plain}",
        )
        texts[place] = forms[kinds[place]]
    return texts


def _corrected(rng: np.random.Generator, status: Texts, amount: Texts, cents: Numbers) -> tuple[Texts, Texts]:
    """Return status and amount of second deliveries: a return, another amount, or the same again."""
    status, amount = status.copy(), amount.copy()
    kinds = _kinds(rng, len(cents), (faults.CORRECTED / 2, faults.CORRECTED / 2))
    status[kinds == 0] = "returned"
    lowered = np.rint(cents * rng.uniform(0.5, 1.0, len(cents))).astype(np.int64)
    amount[kinds == 1] = _plain(lowered[kinds == 1])
    return status, amount
