"""The month as one HTML page that needs nothing else: it can be mailed, printed and read aloud.

Every plot has its numbers as a table, and a text in its place for those who don't see it.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from sales.defs.monthly import plots
from sales.defs.monthly.figures import Month

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
table { border-collapse: collapse; margin: 1rem 0 } caption { text-align: left; font-weight: 600 }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right } th[scope=row] { text-align: left }
img { max-width: 100%; height: auto }
"""


def data_uri(png: bytes) -> str:
    """Return the picture as a URL that holds it."""
    return f"data:image/png;base64,{b64encode(png).decode()}"


def html_page(month: Month) -> str:
    """Return the page: totals, and by day and by country a plot and a table. Without sales it says so."""
    title = f"Sales of {month.name}"
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
    )
    body = "\n".join(_sections(month) if month.sales else ["<p>There were no sales in this month.</p>"])
    return f"{head}<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"


def _sections(month: Month) -> Iterable[str]:
    best, amount = max(month.by_day, key=lambda row: row[1])
    first = month.by_country[0]
    yield f"<p>{month.sales:,} sales, {_euros(month.total_eur)} EUR in total.</p>"
    yield "<h2>By country</h2>"
    alt = f"Bar chart of sales by country; {first[0]} leads with {_euros(first[2])} EUR. The numbers are in the table below."
    yield _picture(plots.by_country(month), alt)
    rows = [(country, f"{count:,}", _euros(total)) for country, count, total in month.by_country]
    yield _table("Sales by country", ("country", "sales", "EUR"), rows)
    yield "<h2>By day</h2>"
    alt = f"Bar chart of sales by day; the best was {best} with {_euros(amount)} EUR. The numbers are in the table below."
    yield _picture(plots.by_day(month), alt)
    yield _table("Sales by day", ("day", "EUR"), [(str(day), _euros(total)) for day, total in month.by_day])


def _picture(png: bytes, alt: str) -> str:
    return f'<img src="{data_uri(png)}" alt="{escape(alt)}" width="640" height="260">'


def _table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    lines = [
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _euros(amount: Decimal) -> str:
    return f"{amount:,.2f}"
