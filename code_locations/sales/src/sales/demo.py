"""The command `python -m sales.demo`: a folder of CSV files with the faults that real ones have.

The same options give the same files, bytes and times. Files that are there are left alone.
"""

import argparse
import csv
import io
import os
import random
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

FIRST_DAY = date(2026, 1, 1)
COUNTRIES = ("DE", "FR", "PL", "SE", "GB", "US")
HEADER = ("sale_id", "day", "country", "amount_eur")


def main(arguments: list[str] | None = None) -> int:
    """Write the files into $SALES_FOLDER; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sales.demo", description=__doc__)
    parser.add_argument("--sales", type=int, default=3000, help="number of sales")
    parser.add_argument("--seed", type=int, default=7, help="another seed is another history")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser.add_argument("--until", type=date.fromisoformat, default=yesterday, help="last day")
    options = parser.parse_args(arguments)
    if not os.environ.get("SALES_FOLDER"):
        parser.error("SALES_FOLDER is not set: the folder to write to")
    folder = Path(os.environ["SALES_FOLDER"])
    folder.mkdir(parents=True, exist_ok=True)
    files = demo_files(options.sales, options.seed, options.until)
    for name, (content, last_day) in files.items():
        if not (folder / name).exists():
            _put(folder / name, content, last_day)
    print(f"{len(files)} files in {folder}")  # noqa: T201 - this is a command; another program reads along
    return 0


def demo_files(sales: int, seed: int, until: date) -> dict[str, tuple[bytes, date]]:
    """Return content and last day of each file by name: one per month, and three that can't be read.

    Every 200th row is bad, every 150th is delivered again with another amount.
    """
    dice = random.Random(seed)  # noqa: S311 - made-up sales
    days = (until - FIRST_DAY).days + 1
    rows: dict[str, list[tuple[object, ...]]] = {}
    for number in sorted(dice.randrange(days) * sales + at for at in range(sales)):
        day, at = FIRST_DAY + timedelta(days=number // sales), number % sales
        amount = f"{dice.lognormvariate(3.5, 0.8):.2f}"
        month = rows.setdefault(f"sales-{day:%Y-%m}.csv", [])
        bad = at % 200 == 199  # noqa: PLR2004 - as the docstring says
        month.append((f"S{at:07}", day, dice.choice(COUNTRIES), "n/a" if bad else amount))
        if at % 150 == 149:  # noqa: PLR2004
            month.append((f"S{at:07}", day, "  de ", f"{float(amount) / 2:.2f}"))
    files = {name: (_csv(month), max(row[1] for row in month)) for name, month in rows.items()}
    return {**files, **{name: (content, until) for name, content in _UNREADABLE.items()}}


_UNREADABLE = {
    "shop-empty.csv": b"",
    "shop-latin1.csv": "sale_id,day,country,amount_eur\nÖ1,2026-01-05,DE,3\n".encode("latin-1"),
    "shop-semicolons.csv": b"sale_id;day;country;amount_eur\nX1;2026-01-05;DE;3,20\n",
}


def _csv(rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    return text.getvalue().encode()


def _put(file: Path, content: bytes, last_day: date) -> None:
    """Write the file aside and move it in, with the time at which its last day ended."""
    aside = file.with_suffix(".part")
    aside.write_bytes(content)
    ended = datetime.combine(last_day + timedelta(days=1), time(), UTC).timestamp()
    os.utime(aside, (ended, ended))
    aside.replace(file)


if __name__ == "__main__":
    sys.exit(main())
