"""The command `python -m orders.demo`."""

import argparse
import os
import sys
from datetime import UTC, date, datetime, timedelta

import psycopg2

from orders.demo.history import History
from orders.demo.load import TablesInTheWayError, load
from orders.schema import FIRST_DAY

URL_VARIABLE = "SLIPWAY_DEMO_DATABASE_URL"
LANDING_VARIABLE = "SLIPWAY_LANDING_URL"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 1 with one line on stderr that says why."""
    options = _parser().parse_args(arguments)
    return _drop(options) if options.command == "drop" else _load(options)


def _drop(options: argparse.Namespace) -> int:
    from orders.defs.arrivals.settings import ArrivalSettings  # noqa: PLC0415 - needs Dagster, as `load` does not
    from orders.demo.drop import drop  # noqa: PLC0415
    from slipway.resources.landing import LandingBucket, LandingError  # noqa: PLC0415

    url = os.environ.get(LANDING_VARIABLE, "")
    if not url:
        return _fail(f"{LANDING_VARIABLE} is not set; `slipway exec orders -- ...` sets it.")
    bucket = LandingBucket(url=url, retry_seconds=15)
    try:
        for line in drop(bucket.write, ArrivalSettings.read().prefix, options.seed, options.until):
            _say(line)
    except (LandingError, ValueError) as error:
        return _fail(str(getattr(error, "description", None) or error))
    _say(
        "The sensor landing_sensor takes them within half a minute; see the asset landed_orders and its check."
    )
    return 0


def _load(options: argparse.Namespace) -> int:
    url = os.environ.get(URL_VARIABLE, "")
    if not url:
        return _fail(
            f"{URL_VARIABLE} is not set: postgresql://owner:password@host:port/database of the demo."
        )
    history = History(options.orders, options.seed, options.until)
    try:
        load(url, history, replace=options.replace, say=_say)
    except (TablesInTheWayError, psycopg2.Error) as error:
        return _fail(f"{str(error).strip()}\nNothing was loaded.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a command; another program reads along


def _fail(message: str) -> int:
    print(f"Error: {message}", file=sys.stderr)  # noqa: T201
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orders.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    loading = commands.add_parser(
        "load",
        help="create the tables of a demo order system and fill them",
        description="Create the tables customers, orders and order_lines in the database that "
        f"{URL_VARIABLE} names, and fill them with a history of orders from {FIRST_DAY}. All or nothing; "
        "the same options give the same rows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    loading.add_argument("--orders", type=_count, default=100_000, help="number of orders")
    loading.add_argument("--seed", type=_seed, default=7, help="another seed is another history")
    loading.add_argument(
        "--until", type=_day, default=yesterday, metavar="YYYY-MM-DD", help="last day (UTC) of the history"
    )
    loading.add_argument("--replace", action="store_true", help="drop what an earlier load left")
    dropping = commands.add_parser(
        "drop",
        help="drop files into the landing zone, good ones and bad ones",
        description=f"Write some files into the landing bucket that {LANDING_VARIABLE} names: three good ones "
        "and some bad ones. The same options give the same files, which are taken once.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    dropping.add_argument("--seed", type=_seed, default=7, help="another seed is other files")
    dropping.add_argument(
        "--until", type=_day, default=yesterday, metavar="YYYY-MM-DD", help="last day (UTC) of the orders"
    )
    return parser


def _count(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if day < FIRST_DAY:
        raise argparse.ArgumentTypeError(f"{text} is before the history's first day, {FIRST_DAY}")
    return day


if __name__ == "__main__":
    sys.exit(main())
