"""Set a bad file aside, with the reason beside it.

Belongs here: where it goes, what is said of it, and that nothing newer is touched. Does not belong here:
judging files.

A bad version of `orders/2026/shop.csv` goes to `quarantine/orders/2026/<ETag>/shop.csv`, so that several bad
versions of a key do not meet, with `shop.csv.reason.json` beside it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orders.defs.arrivals.faults import BadFileError
from orders.defs.arrivals.settings import QUARANTINE
from slipway.resources import LandingBucket
from slipway.resources.landing import LandingObject, MissingObjectError

SUFFIX = ".reason.json"


@dataclass(frozen=True)
class Verdict:
    """Why a file was set aside, as it stands in its reason file."""

    content: dict[str, Any]

    def __str__(self) -> str:
        where = [f"column {self.content['column']}"] if self.content.get("column") else []
        where += [f"line {self.content['line']}"] if self.content.get("line") else []
        place = f" ({', '.join(where)})" if where else ""
        return f"{self.content['key']}: {self.content['reason']}{place}: {self.content['explanation']}"


def quarantine_key(key: str, version: str) -> str:
    """Return where a bad version of `key` goes."""
    folder, _, name = key.rpartition("/")
    return "/".join(part for part in (QUARANTINE, folder, version, name) if part)


def set_aside(bucket: LandingBucket, found: LandingObject, fault: BadFileError, run_id: str) -> Verdict:
    """Move this version into the quarantine and write the reason beside it; return what was written.

    The reason is written first: a file in the quarantine always has one. Interrupted, the whole of it can be
    done again; a version that arrived meanwhile stays where it is.

    Raises:
        SupersededObjectError, MissingObjectError: it is not there any more; nothing was moved.
        LandingUnavailableError, LandingError.
    """
    to = quarantine_key(found.key, found.version)
    content = {
        "reason": str(fault.reason),
        "explanation": fault.explanation,
        "column": fault.column,
        "line": fault.line,
        "key": found.key,
        "version": found.version,
        "size": found.size,
        "written": found.modified.isoformat(),
        "quarantined": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": run_id,
        "moved_to": to,
        "how_to_release": "Correct the file and deliver it again under any key: it is a new version and is taken "
        f"by itself. To have this one judged again as it is, copy it back to {found.key} and launch the job "
        f"land_orders with s3_key {found.key} (Launchpad, or dg launch with --config-json).",
    }
    bucket.write(to + SUFFIX, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
    bucket.move_version(found, to)
    return Verdict(content)


def earlier_verdict(bucket: LandingBucket, key: str, version: str) -> Verdict | None:
    """Return why a version that is gone was set aside, if it was: by a run that was interrupted, say."""
    to = quarantine_key(key, version)
    try:
        bucket.find(to)
        return Verdict(json.loads(bucket.read(to + SUFFIX)))
    except MissingObjectError:
        return None
