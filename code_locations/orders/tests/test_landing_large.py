"""A file that S3 does not copy in one request, and what came with it: from the listing to the quarantine."""

import json
import shutil

import boto3
import pytest
from daemon import Daemon
from landing_zone import as_csv, orders, written
from run_processes import run_queued
from s3_server import S3Server

pytestmark = pytest.mark.long

SIZE = 5 * 1024**3 + 1
"""One byte more than a CopyObject may copy."""
ROOM = 12 * 1024**3
"""What the copy needs on the disk: this server writes the parts, zeros and all, and then the object from them."""
GROWTH = 500 * 1024**2


def test_it_is_set_aside_in_one_attempt_and_the_others_are_taken(daemon: Daemon, s3: S3Server) -> None:
    if shutil.disk_usage(s3.buckets).free < ROOM:
        pytest.skip(
            f"the disk of {s3.buckets} has less than {ROOM / 1024**3:.0f} GiB left, which the copy takes"
        )
    folder, landing = daemon.home.name, s3.buckets / "landing" / daemon.home.name
    s3.place("landing", f"{folder}/orders/a.csv", as_csv(orders(1)))
    version = s3.place("landing", f"{folder}/orders/large.csv", size=SIZE)
    s3.place("landing", f"{folder}/orders/z.jsonl.gz", written(orders(2), ".jsonl.gz"))
    large = landing / "orders" / "large.csv"
    assert large.stat().st_blocks * 512 < 1024**2
    try:
        daemon.tick(2)
        ran = run_queued(daemon.home, 2)
        aside = landing / "quarantine" / "orders" / version / "large.csv"
        assert [(each.file, each.status, each.attempts, each.outcome) for each in ran.values()] == [
            ("orders/a.csv", "SUCCESS", 1, ""),
            ("orders/large.csv", "SUCCESS", 1, "quarantined"),
            ("orders/z.jsonl.gz", "SUCCESS", 1, ""),
        ]
        assert [each.check.passed for each in ran.values()] == [True, False, True]
        assert not large.exists()
        assert aside.stat().st_size == SIZE
        said = json.loads(aside.with_name("large.csv.reason.json").read_text())
        assert (said["reason"], said["size"]) == ("too large", SIZE)
        assert ran["orders/large.csv"].check.metadata["moved_to"].value == said["moved_to"]
        assert boto3.client("s3").list_multipart_uploads(Bucket="landing").get("Uploads", []) == []
        # Of the file itself not one byte is read, nor do those of the copy come by here.
        print({name: f"{each.grown / 1024**2:.0f} MiB" for name, each in ran.items()})  # noqa: T201 - for who asks with -s
        assert max(each.grown for each in ran.values()) < GROWTH
        daemon.tick(2)
        assert len(daemon.runs()) == len(ran)
    finally:
        shutil.rmtree(landing)
