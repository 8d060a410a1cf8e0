"""Ten thousand files at once on a real S3 server: each found once, each step bounded, the cursor small."""

import datetime as dt
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from slipway.resources import LandingBucket
from slipway.resources.landing_scan import Limits, Position, Zone, step, version_key
from slipway.storage import open_store


class Counting(LandingBucket):
    """Counts the pages that are asked for."""

    def pages(self, prefix="", *, after=""):
        for page in super().pages(prefix, after=after):
            asked.append(len(page))
            yield page


asked: list[int] = []


def addresses(bucket, objects):
    return [version_key(bucket.address(each.key), each.version) for each in objects]


@pytest.mark.long
def test_10_000_files_at_once_are_each_found_once(s3):
    store = open_store(f"{s3}/scan")
    # In no order of their names.
    names = [f"in/{number * 7919 % 10_000:05}.csv" for number in range(10_000)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.put(name, name.encode()), names))
    bucket, taken, found = Counting(url=f"{s3}/scan"), set(), Counter()
    zone = Zone(bucket, "in", lambda objects: taken.intersection(addresses(bucket, objects)))
    cursor, steps, ended = None, 0, 0
    while ended < 2:
        asked.clear()
        now = dt.datetime.now(dt.UTC)
        done = step(zone, Position.from_text(cursor), Limits(pages=10, objects=100), now)
        steps, ended = steps + 1, ended + done.ended
        assert len(asked) <= 10
        assert len(done.found) <= 100
        found.update(each.key for each in done.found)
        # What a daemon does: the runs are recorded before the cursor is.
        taken.update(addresses(bucket, done.found))
        cursor = done.position.to_text()
        assert len(cursor) < 200
        if steps == 20:
            # Behind the place reached, in front of it, and a new version of what has been seen.
            for name in ("in/00000-behind.csv", "in/99999.csv", "in/00001.csv"):
                store.put(name, b"late")
    assert found == {
        **dict.fromkeys(names, 1),
        "in/00000-behind.csv": 1,
        "in/99999.csv": 1,
        "in/00001.csv": 2,
    }
    assert steps <= 104
    assert json.loads(cursor)["after"] == ""
