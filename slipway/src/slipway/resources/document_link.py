"""The command `python -m slipway.resources.document_link monthly_report 2026-10`: a link to open a document with.

Works wherever SLIPWAY_STORAGE_URL and the AWS variables say where documents are: locally by `slipway exec`,
in a pod of the code location as it is.
"""

import argparse
import sys

import dagster as dg

from slipway.environment import MissingSettingError, required_setting
from slipway.resources.documents import DocumentStore


def main(arguments: list[str] | None = None) -> int:
    """Print a link to a document; return the exit code: 1 with a line that says why if there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m slipway.resources.document_link",
        description="Print a link to a document, good for an hour.",
    )
    parser.add_argument("asset", help="the asset key, its parts joined by /")
    parser.add_argument("partition", nargs="?", help="the partition key, if it has partitions")
    options = parser.parse_args(arguments)
    try:
        url = required_setting("SLIPWAY_STORAGE_URL", "where assets and documents are stored")
        store = DocumentStore(url=url, retry_seconds=5)
        print(store.link(dg.AssetKey.from_user_string(options.asset), options.partition))  # noqa: T201 - its purpose
    except (MissingSettingError, dg.Failure) as error:
        said = error.description if isinstance(error, dg.Failure) else error
        print(f"Error: {said}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
