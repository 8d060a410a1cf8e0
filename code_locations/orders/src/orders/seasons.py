"""Which days are known to be unlike others.

Belongs here: the calendar of the business, which the demo's generator and the anomaly check share. Does not
belong here: how much is ordered on such a day.
"""

from datetime import date, timedelta

HOLIDAYS = frozenset({(1, 1), (12, 24), (12, 25), (12, 26), (12, 31)})
"""(month, day) of the days on which hardly anybody orders."""


def is_holiday(day: date) -> bool:
    """Whether the day is one of HOLIDAYS."""
    return (day.month, day.day) in HOLIDAYS


def black_friday(year: int) -> date:
    """Return the day after the fourth Thursday of November; the Monday that follows is the other sale."""
    first = date(year, 11, 22)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 1)


def is_special(day: date) -> bool:
    """Whether the number of the day's orders says nothing about other days: holidays, and the sale until Monday."""
    return is_holiday(day) or 0 <= (day - black_friday(day.year)).days <= 3  # noqa: PLR2004 - Friday to Monday
