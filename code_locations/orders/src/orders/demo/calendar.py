"""How many orders are placed on each day and in each hour.

Belongs here: seasonality. Does not belong here: what is ordered.
"""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from orders.seasons import black_friday, is_holiday

# Monday to Sunday: people order at the weekend's end.
_WEEKDAYS = np.array([1.05, 0.95, 0.95, 1.0, 1.05, 0.9, 1.1])
_YEARLY_SWING = 0.25
_SWING_PEAK_DAY = 350
_GROWTH_PER_YEAR = 0.2
_BLACK_FRIDAY = 3.0
_CYBER_MONDAY = 2.2
_HOLIDAYS = 0.35

HOUR_WEIGHTS = np.array(
    [3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 13, 14, 15, 14, 13, 12, 12, 13, 15, 18, 20, 18, 12, 6], dtype=np.float64
)
"""Of the 24 hours of a day, UTC."""


def day_weights(first: date, last: date) -> npt.NDArray[np.float64]:
    """Return a weight for each day from `first` to `last` inclusive: weekday, season, growth, sales, holidays."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    numbers = np.arange(len(days))
    of_year = np.array([day.timetuple().tm_yday for day in days])
    season = 1 + _YEARLY_SWING * np.cos(2 * np.pi * (of_year - _SWING_PEAK_DAY) / 365.25)
    growth = 1 + _GROWTH_PER_YEAR * numbers / 365.25
    weekdays = _WEEKDAYS[[day.weekday() for day in days]]
    return season * growth * weekdays * np.array([_special(day) for day in days])


def orders_per_day(orders: int, first: date, last: date) -> npt.NDArray[np.int64]:
    """Divide `orders` over the days from `first` to `last` by their weights; the sum is exactly `orders`."""
    weights = day_weights(first, last)
    edges = np.rint(orders * np.cumsum(weights) / weights.sum()).astype(np.int64)
    edges[-1] = orders
    return np.diff(edges, prepend=0)


def _special(day: date) -> float:
    if is_holiday(day):
        return _HOLIDAYS
    return {0: _BLACK_FRIDAY, 3: _CYBER_MONDAY}.get((day - black_friday(day.year)).days, 1.0)
