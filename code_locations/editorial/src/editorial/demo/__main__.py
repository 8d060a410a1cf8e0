"""The command `python -m editorial.demo`."""

import argparse
import os
import random
import sys
from pathlib import Path

from editorial.demo import adressa, ebnerd, mind

FOLDER_VARIABLE = "EDITORIAL_RAW_DOWNLOAD"
_PUBLISHERS = {"ebnerd": ebnerd.write, "adressa": adressa.write, "mind": mind.write}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 1 with one line on stderr that says why."""
    options = _parser().parse_args(arguments)
    folder = options.folder or os.environ.get(FOLDER_VARIABLE, "")
    if not folder:
        message = f"{FOLDER_VARIABLE} is not set: the folder to write to. Or name it with --folder."
        print(f"Error: {message}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    for name, write in _PUBLISHERS.items():
        # A generator each: what one draws must not change what another writes.
        write(Path(folder), random.Random(f"{options.seed} {name}"), options.rows)  # noqa: S311 - no secret
        print(f"{name} in {folder}", flush=True)  # noqa: T201 - another program reads along
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m editorial.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser(
        "write",
        help="write small downloads of all publishers",
        description=f"Write ebnerd_demo/, one_week/ and MINDsmall_*/ to the folder that {FOLDER_VARIABLE} names. "
        "The same options give the same rows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    writing.add_argument("--folder", help=f"instead of {FOLDER_VARIABLE}")
    writing.add_argument("--rows", type=_count, default=300, help="impressions of each publisher")
    writing.add_argument("--seed", type=int, default=7, help="another seed is another world")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 30:  # noqa: PLR2004 - the faults need some rows to be in
        raise argparse.ArgumentTypeError(f"{text} is less than 30")
    return number


if __name__ == "__main__":
    sys.exit(main())
