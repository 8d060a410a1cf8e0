"""Tables of what `bench/launch.py` measured: medians, ratios, and how sure they are. Does not belong here: measuring."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence

from rich.table import Table

Measured = dict[str, list[float]]
_RESAMPLES = 2000
_BACKING = ("Postgres", "S3")
# Of ours alone, for those who ask for it.
_OPTIONAL = "warm worker"


def latencies(default: Measured, ours: Measured, aims: Mapping[str, float]) -> Table:
    """Return a table of seconds, by what they are of."""
    table = Table("seconds, medians (95 %)", "default", "slipway", "ratio (95 %)", "aim", box=None)
    for what, theirs in default.items():
        mine = ours[what]
        ratio = statistics.median(mine) / statistics.median(theirs)
        interval = _interval(lambda a, b: statistics.median(a) / statistics.median(b), mine, theirs)
        aim = _aim(aims, what, ratio)
        table.add_row(what, _median(theirs), _median(mine), f"{ratio:.2f}{interval}", aim)
    return table


def idle(
    default: Mapping[str, float],
    ours: Mapping[str, float],
    parts: Mapping[str, str],
    aims: Mapping[str, float],
) -> Table:
    """Return a table of the millicores of pods, summed by `parts`: the name of a part, and what its pods' names begin with.

    A pod belongs to the part with the longest beginning that fits.
    """
    table = Table("idle CPU, millicores", "default", "slipway", "ratio", "aim", box=None)
    sums = {part: (_sum(default, part, parts), _sum(ours, part, parts)) for part in parts}
    own, whole = "without " + " and ".join(_BACKING), f"all, without the {_OPTIONAL}"
    for what, but in ((own, (*_BACKING, _OPTIONAL)), (whole, (_OPTIONAL,))):
        pairs = [pair for part, pair in sums.items() if part in parts and part not in but]
        sums[what] = (sum(a for a, _ in pairs), sum(b for _, b in pairs))
    for part, (theirs, mine) in sums.items():
        ratio = f"{mine / theirs:.2f}" if theirs else ""
        aim = _aim(aims, "idle CPU", mine / theirs) if part == whole else ""
        table.add_row(part, f"{theirs:.1f}", f"{mine:.1f}", ratio, aim)
    return table


def _sum(pods: Mapping[str, float], part: str, parts: Mapping[str, str]) -> float:
    return sum(used for pod, used in pods.items() if _part(pod, parts) == part)


def _part(pod: str, parts: Mapping[str, str]) -> str | None:
    fitting = [part for part, begin in parts.items() if pod.startswith(begin)]
    return max(fitting, key=lambda part: len(parts[part]), default=None)


def _median(values: Sequence[float]) -> str:
    interval = _interval(lambda a, _: statistics.median(a), values, values)
    return f"{statistics.median(values):.2f}{interval}"


def _interval(
    figure: Callable[[Sequence[float], Sequence[float]], float], a: Sequence[float], b: Sequence[float]
) -> str:
    """Return the 95 % interval of a figure of two samples, by resampling each; nothing if there is one value."""
    if len(a) < 2 or len(b) < 2:  # noqa: PLR2004
        return ""
    chance = random.Random(1)  # noqa: S311 - no secret
    found = sorted(
        figure(chance.choices(a, k=len(a)), chance.choices(b, k=len(b))) for _ in range(_RESAMPLES)
    )
    return f" ({found[int(0.025 * _RESAMPLES)]:.2f} to {found[int(0.975 * _RESAMPLES)]:.2f})"


def _aim(aims: Mapping[str, float], what: str, ratio: float) -> str:
    aim = aims.get(what.split(" of ", maxsplit=1)[0])
    if aim is None:
        return ""
    return f"≤ {aim:.2f}" + ("" if ratio <= aim else ", missed")
