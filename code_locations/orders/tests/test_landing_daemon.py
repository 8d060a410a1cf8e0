"""What becomes of files when the daemon dies in the middle of a tick, or can't put a run into the queue."""

import pytest
from daemon import Daemon
from s3_server import S3Server

pytestmark = pytest.mark.long

FAILS = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$",
    """CREATE TRIGGER refuse BEFORE INSERT ON event_logs FOR EACH ROW
       WHEN (NEW.dagster_event_type IN ('PIPELINE_ENQUEUED', 'PIPELINE_FAILURE')) EXECUTE FUNCTION refuse()""",
)
"""A Postgres that takes no events for a while, as one without room on its disk."""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_LANDING_FILES_PER_TICK", "2")


def test_daemons_that_are_killed_lose_nothing_and_double_nothing(daemon: Daemon, s3: S3Server) -> None:
    for name in "bcde":
        s3.place("landing", f"{daemon.home.name}/orders/{name}.csv", b"1")
    daemon.killed("TICK_HELD")
    assert daemon.runs() == []
    daemon.killed("RUN_IDS_RESERVED")  # the cursor is kept, no run is there
    assert daemon.runs() == []
    daemon.killed("RUN_CREATED")
    assert daemon.runs() == [("orders/b.csv", "NOT_STARTED")]
    daemon.killed("RUN_LAUNCHED")
    assert daemon.runs() == [("orders/b.csv", "QUEUED")]
    # In the middle of the pass, and of its second tick.
    s3.place("landing", f"{daemon.home.name}/orders/a.csv", b"1")
    daemon.tick()
    daemon.killed("RUN_LAUNCHED")
    daemon.tick(4)
    assert daemon.runs() == [(f"orders/{name}.csv", "QUEUED") for name in "abcde"]
    assert daemon.ticks()[-2:] == ["SKIPPED", "SKIPPED"]


def test_a_run_that_could_not_be_queued_is_queued_later(daemon: Daemon, s3: S3Server) -> None:
    daemon.tick()
    s3.place("landing", f"{daemon.home.name}/orders/a.csv", b"1")
    daemon.database.run(*FAILS)
    daemon.tick(2)
    assert daemon.runs() == [("orders/a.csv", "NOT_STARTED")]
    # The daemon has said so in its log, and has called the tick a success.
    assert daemon.ticks() == ["SKIPPED", "SUCCESS", "SUCCESS"]
    daemon.database.run("DROP FUNCTION refuse CASCADE")
    daemon.tick(2)
    assert daemon.runs() == [("orders/a.csv", "QUEUED")]
