"""What a month comes to.

Belongs here: pure functions on Arrow tables. Does not belong here: how it is shown.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Month:
    """A month's sales: `by_day` has every day of it, `by_country` the countries that sold, the largest first."""

    name: str
    sales: int
    total_eur: Decimal
    by_day: tuple[tuple[date, Decimal], ...]
    by_country: tuple[tuple[str, int, Decimal], ...]


def month_of(sales: pa.Table, first: date, end: date) -> Month:
    """Return what the rows of `sales` from `first` to before `end` come to; columns day, country, amount_eur."""
    days = sales.column("day")
    rows = sales.filter(pc.and_(pc.greater_equal(days, first), pc.less(days, end)))
    daily = rows.group_by("day", use_threads=False).aggregate([("amount_eur", "sum")]).to_pylist()
    sums = {row["day"]: row["amount_eur_sum"] for row in daily}
    countries = rows.group_by("country", use_threads=False).aggregate(
        [([], "count_all"), ("amount_eur", "sum")]
    )
    by_country = [(row["country"], row["count_all"], row["amount_eur_sum"]) for row in countries.to_pylist()]
    calendar = [first + timedelta(days=number) for number in range((end - first).days)]
    return Month(
        name=f"{first:%B %Y}",
        sales=rows.num_rows,
        total_eur=sum(sums.values(), Decimal(0)),
        by_day=tuple((day, sums.get(day, Decimal(0))) for day in calendar),
        by_country=tuple(sorted(by_country, key=lambda row: (-row[2], row[0]))),
    )
