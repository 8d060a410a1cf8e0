"""Files that land become runs: the sensor, the daemon, the queue and the runs themselves, for real."""

import json

import obstore
import pyarrow as pa
import pytest

from support.arrivals import Arrivals
from support.platform import Platform

PREFIX = "orders/demo/"
DROP = ("exec", "orders", "--", "python", "-m", "orders.demo", "drop")
GOOD = {"shop-1.csv", "shop-2.jsonl.gz", "shop-3.parquet"}
BAD = {
    "bad/empty.csv": "empty",
    "bad/cut-off.csv": "truncated",
    "bad/columns.csv": "wrong schema",
    "bad/latin-9.csv": "wrong encoding",
}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_dropped_files_are_taken_once_and_bad_ones_set_aside(platform: Platform) -> None:
    arrivals = Arrivals(platform)
    done = platform.slipway(*DROP)
    assert done.returncode == 0, done.stderr
    runs = arrivals.ended(PREFIX, len(GOOD) + len(BAD))
    assert {key.removeprefix(PREFIX) for key in runs} == GOOD | BAD.keys()
    assert all(len(each) == 1 for each in runs.values())
    assert {each[0]["status"] for each in runs.values()} == {"SUCCESS"}

    verdicts = arrivals.verdicts()
    for name in GOOD:
        assert verdicts[runs[PREFIX + name][0]["runId"]]["evaluation"]["success"] is True
    for name, reason in BAD.items():
        (run,) = runs[PREFIX + name]
        evaluation = verdicts[run["runId"]]["evaluation"]
        assert (evaluation["success"], evaluation["severity"]) == (False, "ERROR")
        assert reason in evaluation["description"]
        assert run["tags"]["slipway/landing"] == "quarantined"
    assert {key.removeprefix(PREFIX) for key in arrivals.keys(PREFIX)} == GOOD
    said = [key for key in arrivals.keys("quarantine/orders/demo") if key.endswith(".reason.json")]
    found = {json.loads(bytes(obstore.get(arrivals.bucket, key).bytes()))["key"]: key for key in said}
    assert found.keys() == {PREFIX + name for name in BAD}

    folder = platform.state.s3 / "buckets" / "assets" / "landed_orders"
    rows = pa.concat_tables([platform.table(f"landed_orders/{file.name}") for file in folder.iterdir()])
    # 300 rows were dropped, some of them second deliveries of an order.
    delivered = rows.column("row_id").to_pylist()
    assert len(delivered) == len(set(delivered))
    assert 270 < len(delivered) < 300
    status = {asset.name: asset for asset in platform.web.assets()["orders"]}["landed_orders"]
    assert (status.materialized, status.rows) == (len(list(folder.iterdir())), rows.num_rows)

    # The same again is the same versions: the bad ones come back, and are no news either.
    assert platform.slipway(*DROP).returncode == 0
    arrivals.next_tick()
    arrivals.next_tick()
    assert {key: len(each) for key, each in arrivals.runs(PREFIX).items()} == dict.fromkeys(runs, 1)
