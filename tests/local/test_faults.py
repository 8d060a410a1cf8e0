"""Faults, one by one: each gives a clear error, and the next run or `make up` completes with nothing lost or doubled."""

import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.graphql import GraphQL
from slipway.local.state import StateFolder
from slipway.local.supervision import leftovers
from support.checkout import PROBE, copy_checkout
from support.platform import Platform
from support.probe import EXPECTED, Probe

CONTRACT_CHECK = """{ assetCheckExecutions(assetKey: {path: ["sold"]}, checkName: "contract", limit: 1) {
  runId status evaluation { severity metadataEntries { label ... on TableMetadataEntry { table { records } } } } } }"""
BROKEN = 'raise RuntimeError("the supplier renamed a column")\n'
MENDED = "import dagster as dg\n\ndefs = dg.Definitions()\n"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def probed() -> Iterator[Platform]:
    """A platform with two code locations: `probe`, to be steered, and `broken`, whose import fails."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    root = copy_checkout(folder / "checkout", locations={"probe": PROBE, "broken": MENDED})
    platform = Platform(StateFolder(folder / "state"), root)
    try:
        platform.up()
        yield platform
    finally:
        platform.slipway("clean", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def running(probed: Platform) -> Platform:
    if not probed.supervisor.is_running():
        probed.up()
    return probed


@pytest.fixture
def stopped(probed: Platform) -> Platform:
    probed.slipway("down")
    return probed


@pytest.fixture
def probe(running: Platform) -> Probe:
    made = Probe(running)
    made.reset()
    return made


def retry_of(web: GraphQL, run: str, timeout: float = 180) -> str:
    """Return the id of the run that the daemon launched in place of a lost one."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = web.latest_run("dagster/parent_run_id", run)
        if found:
            return found[0]
        time.sleep(0.5)
    raise AssertionError(f"{run} was not retried")


def test_a_day_that_breaks_its_contract_takes_no_good_days_place(running: Platform) -> None:
    code = running.root / "code_locations" / "probe" / "src" / "probe"
    bucket = running.state.s3 / "buckets" / "assets"
    day = {"dagster/partition": "2026-01-02"}
    (code / "sold").write_text("3 4")
    run = running.web.launch("probe", "promises", day)
    assert running.wait_for_run(run) == "SUCCESS", running.web.failure(run)
    files = {
        name: bucket / name for name in ("sold/2026-01-02.parquet", "after/2026-01-02.json", "sold.odcs.yaml")
    }
    before = {name: (file.read_bytes(), file.stat().st_mtime_ns) for name, file in files.items()}
    (code / "sold").write_text("3 -1 5 5")
    run = running.web.launch("probe", "promises", day)
    assert running.wait_for_run(run) == "FAILURE"
    assert {name: (file.read_bytes(), file.stat().st_mtime_ns) for name, file in files.items()} == before
    events = list(running.web.events(run))
    assert {
        event.get("stepKey") for event in events if event["__typename"] == "ExecutionStepFailureEvent"
    } == {"sold"}
    assert not [event for event in events if event["message"].startswith('Started execution of step "after"')]
    failed = run
    said = running.web.failure(run)
    assert "asset sold breaks its contract (version 1.0.0)" in said
    assert "- column sold, minimum 0: 1 row, the first is row 1 (day=2026-01-02, sold=-1): -1" in said
    assert "- column day, sold, unique: 1 row" in said
    (check,) = running.web.ask(CONTRACT_CHECK)["assetCheckExecutions"]
    assert (check["runId"], check["status"], check["evaluation"]["severity"]) == (run, "FAILED", "ERROR")
    tables = {
        each["label"]: each["table"]["records"]
        for each in check["evaluation"]["metadataEntries"]
        if "table" in each
    }
    first = [json.loads(record) for record in tables["first_bad_rows"]]
    assert [(row["column"], row["rule"], row["row"]) for row in first] == [
        ("sold", "minimum 0", 1),
        ("day, sold", "unique", 3),
    ]
    (code / "sold").write_text("6")
    run = running.web.launch("probe", "promises", day)
    assert running.wait_for_run(run) == "SUCCESS", running.web.failure(run)
    assert json.loads(files["after/2026-01-02.json"].read_text()) == 1
    assert not running.web.latest_run("dagster/parent_run_id", failed)


def test_s3_server_killed_during_a_run(probe: Probe) -> None:
    run = probe.launch_and_reach()
    probe.platform.kill("s3")
    probe.go_on()
    assert probe.platform.wait_for_run(run) == "SUCCESS", probe.platform.web.failure(run)
    assert (probe.calls, probe.total()) == (1, EXPECTED)


def test_postgres_killed_during_a_run(probe: Probe) -> None:
    run = probe.launch_and_reach()
    probe.platform.kill("postgres")
    probe.platform.wait_until_up("postgres")
    probe.go_on()
    assert probe.platform.wait_for_run(run) == "SUCCESS", probe.platform.web.failure(run)
    assert (probe.calls, probe.total()) == (1, EXPECTED)


def test_everything_killed_during_a_run(probe: Probe) -> None:
    run = probe.launch_and_reach()
    platform = probe.platform
    platform.kill_everything()
    said = platform.up()
    assert "1 interrupted run" in said
    assert platform.web.progress(run).status == "FAILURE"
    probe.go_on()
    again = retry_of(platform.web, run)
    assert platform.wait_for_run(again) == "SUCCESS", platform.web.failure(again)
    assert (probe.calls, probe.total()) == (1, EXPECTED)


def test_only_supervisord_killed_during_a_run(probe: Probe) -> None:
    run = probe.launch_and_reach()
    platform = probe.platform
    boss = min((at for at in leftovers(platform.state)), key=lambda at: at.create_time())
    boss.kill()
    boss.wait(60)
    assert platform.slipway("status").returncode == 1
    assert "Clearing away what a crash left behind" in platform.up()
    probe.go_on()
    again = retry_of(platform.web, run)
    assert platform.wait_for_run(again) == "SUCCESS", platform.web.failure(again)
    assert (probe.calls, probe.total()) == (1, EXPECTED)


def test_down_during_a_run_is_made_up_for(probe: Probe) -> None:
    run = probe.launch_and_reach()
    platform = probe.platform
    assert platform.slipway("down").returncode == 0
    assert leftovers(platform.state) == []
    platform.up()
    probe.go_on()
    again = retry_of(platform.web, run)
    assert platform.wait_for_run(again) == "SUCCESS", platform.web.failure(again)
    assert (probe.calls, probe.total()) == (1, EXPECTED)


def test_a_location_that_fails_to_import_leaves_the_others_up(running: Platform) -> None:
    source = running.root / "code_locations" / "broken" / "src" / "broken" / "definitions.py"
    source.write_text(BROKEN)
    for command in ("reload", "up"):
        done = running.slipway(command)
        assert done.returncode == 1
        assert "Code location broken can't be loaded" in done.stderr
        assert "the supplier renamed a column" in done.stderr
    states = {at.name: at.error for at in running.web.locations()}
    assert states["probe"] is None
    assert "the supplier renamed a column" in (states["broken"] or "")
    assert running.web.partition_keys("probe", "everything") == []
    source.write_text(MENDED)
    running.up()
    assert all(at.error is None for at in running.web.locations())


def test_ports_can_be_moved_but_not_under_a_running_platform(running: Platform) -> None:
    done = running.slipway("up", SLIPWAY_PORT="31900")
    assert done.returncode == 1
    assert "make down" in done.stderr
    wrong = running.slipway("up", SLIPWAY_PORT="eighty")
    assert wrong.returncode == 1
    assert "'eighty' is no port" in wrong.stderr


def test_a_taken_port(stopped: Platform) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", stopped.ports.webserver))
        other.listen()
        done = stopped.slipway("up")
    assert done.returncode == 1
    assert f"port {stopped.ports.webserver} for webserver is taken by" in done.stderr
    assert "SLIPWAY_PORT=" in done.stderr
    assert not stopped.supervisor.is_running()


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        pytest.param(
            "state.json",
            '{"format": 0, "slipway": "0.0.1"}',
            "has format 0, written by slipway 0.0.1",
            id="slipway",
        ),
        pytest.param(
            "postgres/PG_VERSION", "12\n", "was written by Postgres 12; this is Postgres", id="postgres"
        ),
    ],
)
def test_a_state_folder_of_an_older_version(stopped: Platform, file: str, text: str, complaint: str) -> None:
    path = stopped.state.path / file
    own = path.read_text()
    path.write_text(text)
    try:
        done = stopped.slipway("up")
    finally:
        path.write_text(own)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "make clean" in done.stderr
    assert not stopped.supervisor.is_running()


def test_a_process_that_cannot_start_is_shown_with_its_log(stopped: Platform) -> None:
    settings = stopped.state.postgres.resolve() / "postgresql.auto.conf"
    own = settings.read_text()
    settings.write_text(own + "no_such_setting = 1\n")
    try:
        done = stopped.slipway("up")
    finally:
        settings.write_text(own)
    assert done.returncode == 1
    assert "postgres does not come up" in done.stderr
    assert "no_such_setting" in done.stderr


def test_after_all_that_the_next_up_completes_and_migrates_an_older_schema(stopped: Platform) -> None:
    stopped.state.write_marker(dagster="1.12.0")
    stopped.up()
    assert stopped.state.read_marker()["dagster"] != "1.12.0"
    probe = Probe(stopped)
    probe.reset()
    run = probe.launch_and_reach()
    probe.go_on()
    assert stopped.wait_for_run(run) == "SUCCESS", stopped.web.failure(run)
    assert (probe.calls, probe.total()) == (1, EXPECTED)
