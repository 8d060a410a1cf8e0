"""The month's plots, as PNG.

matplotlib is imported when a plot is drawn: a second of CPU that a code server has no use for. The same
month gives the same bytes: no time and no version is written into them, and the user's own settings of
matplotlib count for nothing.
"""

import io
from collections.abc import Sequence
from decimal import Decimal

from sales.defs.monthly.figures import Month

COLOUR = "#2f6f9f"


def by_day(month: Month) -> bytes:
    """Return a bar per day of the month."""
    return _bars(
        [day.day for day, _ in month.by_day], [amount for _, amount in month.by_day], "day of the month"
    )


def by_country(month: Month) -> bytes:
    """Return a bar per country that sold, the largest first."""
    return _bars([row[0] for row in month.by_country], [row[2] for row in month.by_country], "country")


def _bars(labels: Sequence[object], heights: Sequence[Decimal], across: str) -> bytes:
    """Return a picture of 640 x 260 pixels, some 10 kB: it is kept in Dagster's database too."""
    import matplotlib as mpl  # noqa: PLC0415 - see above
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()
        figure = Figure(figsize=(6.4, 2.6), dpi=100, layout="tight")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.bar([str(label) for label in labels], [float(height) for height in heights], color=COLOUR)
        axes.set_xlabel(across)
        axes.set_ylabel("EUR")
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        png = io.BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
