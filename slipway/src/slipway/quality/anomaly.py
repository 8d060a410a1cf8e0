"""Is the number of rows of a day, or of a load, like those before it?

Belongs here: the formula. Does not belong here: where the earlier counts come from (`counts.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import median
from typing import Any

import dagster as dg

from slipway.quality.rows import SHOWN, named

_MAD_TO_SIGMA = 1.4826  # of normally distributed counts, the standard deviation is this many MADs


@dataclass(frozen=True)
class Allowance:
    """How far from the median a count may be.

    Attributes:
        days: how many days, or loads, before one are looked at.
        least_days: with fewer of them there is no verdict.
        spreads: how many robust standard deviations are normal: weekdays and growth are in them.
        share: at least this share of the median is normal, however even the days before were.
        noise: at least so many square roots of the median are: small counts vary by chance alone.
        collapse: less than this share of the median is an ERROR, other deviations are a WARN ...
        collapse_rows: ... if the median is at least this.
        special: says whether a day is known to be unlike others (a holiday, a sale). It is not compared with,
            and of it only a collapse is noticed.
        more: whether more than usual is unusual, too.
    """

    days: int = 14
    least_days: int = 7
    spreads: float = 5.0
    share: float = 0.5
    noise: float = 3.0
    collapse: float = 0.1
    collapse_rows: int = 20
    special: Callable[[date], bool] = lambda _: False
    more: bool = True


@dataclass(frozen=True)
class _Verdict:
    part: str
    rows: int
    usual: float
    allowed: float
    collapsed: bool
    unusual: bool

    @property
    def said(self) -> str:
        return f"{self.part} ({self.rows} rows, usual are {self.usual:g} ± {self.allowed:.0f})"


def row_count_anomaly(
    name: str, counts: Mapping[date, int], before: Mapping[date, int], allowance: Allowance | None = None
) -> dg.AssetCheckResult:
    """Check each day of `counts` against the days before it, which are in `before` or in `counts`.

        m = median of the counts of the last `days` days that are known and not special
        s = 1.4826 * median of |count - m|            (the robust standard deviation)
        normal is |count - m| <= max(spreads * s, share * m, noise * sqrt(m))

    Median and MAD, and not mean and deviation, so that one bad day among the fourteen changes nothing. A day with
    fewer than `least_days` days before it is not judged, which is said and no failure. Outside is a WARN;
    fewer than `collapse * m` rows are an ERROR. Metadata: `judged`, `too_little_history`, and the `unusual` days as
    a table; for a single day also `rows`, `usual` and `allowed`.
    """
    allow = allowance or Allowance()
    known = {**before, **counts}
    verdicts = []
    for day in sorted(counts):
        days = [day - timedelta(days=number) for number in range(1, allow.days + 1)]
        earlier = [known[each] for each in days if each in known and not allow.special(each)]
        verdicts.append(_verdict(day.isoformat(), counts[day], earlier, allow, special=allow.special(day)))
    return _result(name, verdicts, f"fewer than {allow.least_days} days before are known")


def newest_count_anomaly(
    name: str, counts: Mapping[str, Sequence[int]], allowance: Allowance | None = None
) -> dg.AssetCheckResult:
    """Check the last count of each part against those before it, by the formula of `row_count_anomaly`.

    For what comes in loads and not in days: `counts` has a part's counts in their order, `days` and `least_days` of the
    allowance are numbers of counts, and no count is special. A part without any count is not judged.
    """
    allow = allowance or Allowance()
    verdicts = [
        _verdict(part, each[-1], each[-1 - allow.days : -1], allow) if each else None
        for part, each in counts.items()
    ]
    return _result(name, verdicts, f"fewer than {allow.least_days} counts before are known")


def _verdict(
    part: str, rows: int, earlier: Sequence[int], allow: Allowance, *, special: bool = False
) -> _Verdict | None:
    """Return how `rows` compare, None without enough counts before them."""
    if len(earlier) < allow.least_days:
        return None
    usual = median(earlier)
    spread = _MAD_TO_SIGMA * median(abs(count - usual) for count in earlier)
    allowed = max(allow.spreads * spread, allow.share * usual, allow.noise * sqrt(usual))
    collapsed = usual >= allow.collapse_rows and rows < allow.collapse * usual
    outside = usual - rows > allowed or (allow.more and rows - usual > allowed)
    return _Verdict(part, rows, usual, allowed, collapsed, unusual=collapsed or (outside and not special))


def _result(name: str, verdicts: Sequence[_Verdict | None], unknown: str) -> dg.AssetCheckResult:
    judged = [each for each in verdicts if each is not None]
    unusual = [each for each in judged if each.unusual]
    metadata: dict[str, Any] = {"judged": len(judged), "too_little_history": len(verdicts) - len(judged)}
    if len(judged) == len(verdicts) == 1:
        metadata |= {"rows": judged[0].rows, "usual": judged[0].usual, "allowed": round(judged[0].allowed, 1)}
    if not unusual:
        return dg.AssetCheckResult(
            check_name=name,
            passed=True,
            severity=dg.AssetCheckSeverity.WARN,
            description=None if judged else f"No verdict: {unknown}",
            metadata=metadata,
        )
    metadata["unusual"] = dg.MetadataValue.table([_record(each) for each in unusual[:SHOWN]])
    metadata["bad_partitions"] = [each.part for each in unusual]
    collapsed = any(each.collapsed for each in unusual)
    return dg.AssetCheckResult(
        check_name=name,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR if collapsed else dg.AssetCheckSeverity.WARN,
        description=f"Unusual: {named([each.said for each in unusual])}",
        metadata=metadata,
    )


def _record(verdict: _Verdict) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "part": verdict.part,
            "rows": verdict.rows,
            "usual": float(verdict.usual),
            "allowed": round(verdict.allowed, 1),
        }
    )
