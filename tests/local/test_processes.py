"""What runs, how it is reached, and that calling the commands again does no harm."""

import re
from pathlib import Path

import obstore
import psutil
import psycopg
import pytest
from obstore.store import S3Store

from slipway.local.programs import code_server_name
from slipway.local.secrets import load_secrets
from slipway.local.state import StateFolder
from slipway.repository import read_repository
from support.platform import ROOT, Platform

REPOSITORY = read_repository(ROOT)
LOCATIONS = [location.name for location in REPOSITORY.code_locations]
PROCESSES = [
    "postgres",
    "s3",
    *map(code_server_name, REPOSITORY.code_locations),
    "webserver",
    "daemon",
    "watcher",
]


def test_status_shows_every_process_and_the_location_as_served(platform: Platform) -> None:
    done = platform.slipway("status")
    assert done.returncode == 0, done.stdout
    for name in PROCESSES:
        assert re.search(rf"^\s*{name} +running", done.stdout, re.MULTILINE), done.stdout
    for name in LOCATIONS:
        assert f"code location {name}: served" in done.stdout
    assert platform.web.url in done.stdout


def test_up_again_changes_nothing(platform: Platform) -> None:
    before = {process.name: process.pid for process in platform.supervisor.processes()}
    said = platform.up()
    assert {process.name: process.pid for process in platform.supervisor.processes()} == before
    for location in REPOSITORY.code_locations:
        assert not location.first_job or f"Materializing {location.name}: done before" in said
    assert "Demo data" not in said


def test_nothing_listens_beyond_the_loopback_interface(platform: Platform) -> None:
    pids = {process.pid for process in platform.supervisor.processes()}
    listening = [at for at in psutil.net_connections("inet") if at.status == "LISTEN" and at.pid in pids]
    assert {at.laddr.ip.removeprefix("::ffff:") for at in listening} == {"127.0.0.1"}
    assert {at.laddr.port for at in listening} == set(platform.ports.all(len(LOCATIONS)).values())


def test_postgres_asks_for_a_password_on_both_ways_in(platform: Platform) -> None:
    data = platform.state.postgres.resolve()
    sockets = data.with_name(data.name + "-socket")
    for host in ("127.0.0.1", str(sockets)):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=host, port=platform.ports.postgres, user="postgres", password="guess", dbname="postgres"
            )
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=host, port=platform.ports.postgres, user="postgres", dbname="postgres")


def test_postgres_does_not_run_as_root(platform: Platform) -> None:
    assert psutil.Process(platform.supervisor.process("postgres").pid).uids().effective != 0


def test_the_location_may_read_its_source_and_nothing_else(platform: Platform) -> None:
    url = platform.settings("orders")["ORDERS_SOURCE_URL"].strip("'")
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() > (0,)
        for forbidden in ("DELETE FROM orders", "CREATE TABLE mine (n int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(url.rsplit("/", 1)[0] + "/dagster")


def test_the_s3_server_checks_signatures(platform: Platform) -> None:
    settings = platform.settings("orders")
    store = S3Store(
        "assets",
        endpoint=settings["AWS_ENDPOINT_URL"],
        access_key_id=settings["AWS_ACCESS_KEY_ID"],
        secret_access_key="a guess",
        region="us-east-1",
        client_options={"allow_http": True},
    )
    with pytest.raises(obstore.exceptions.BaseError, match="SignatureDoesNotMatch"):
        obstore.get(store, "raw_orders.parquet")


def test_no_secret_stands_in_a_log_or_on_a_command_line(platform: Platform) -> None:
    secrets = [
        line.split('"')[3]
        for line in (platform.state.path / "secrets.json").read_text().splitlines()
        if ":" in line
    ]
    assert len(secrets) == 6
    held = load_secrets(platform.state)
    for location in REPOSITORY.code_locations:
        secrets += [held.of_owner(location.database or ""), held.of_reader(location.name)]
    texts = [file.read_text(errors="replace") for file in platform.state.logs.iterdir()]
    texts += [
        (platform.state.dagster_home / "dagster.yaml").read_text(),
        (platform.state.path / "supervisord.conf").read_text(),
    ]
    texts += [" ".join(psutil.Process(process.pid).cmdline()) for process in platform.supervisor.processes()]
    for secret in secrets:
        assert not any(secret in text for text in texts)


def test_private_things_are_private(platform: Platform) -> None:
    # What others may pass through (to reach Postgres' own folder) they must not be able to look into.
    for path in platform.state.path.iterdir():
        if path.is_dir() or path.suffix == ".json":
            assert not path.stat().st_mode & 0o077, path


def test_exec_lends_the_locations_settings_to_one_command(platform: Platform) -> None:
    code = (
        "import os, orders; print(os.environ['SLIPWAY_ENV'], os.environ['SLIPWAY_STORAGE_URL'], os.getcwd())"
    )
    done = platform.slipway("exec", "orders", "--", "python", "-c", code)
    assert done.stdout.split() == [
        "local",
        "s3://assets",
        str(platform.root / "code_locations" / "orders"),
    ], done.stderr
    missing = platform.slipway("exec", "orders", "--", "no-such-program")
    assert missing.returncode == 1
    assert "no-such-program" in missing.stderr


def test_dg_launch_works_in_a_location(platform: Platform) -> None:
    done = platform.slipway("exec", "orders", "--", "dg", "launch", "--assets", "raw_orders")
    assert done.returncode == 0, done.stdout + done.stderr


def test_logs_shows_the_end_of_one_log(platform: Platform) -> None:
    done = platform.slipway("logs", "postgres", "-n", "5")
    assert done.returncode == 0
    assert "database system is ready" in platform.slipway("logs", "postgres", "-n", "500").stdout
    assert len(done.stdout.splitlines()) <= 5
    unknown = platform.slipway("logs", "postgrse")
    assert unknown.returncode == 1
    assert "There are logs of:" in unknown.stderr


def test_reload_restarts_the_code_server_and_nothing_else(platform: Platform) -> None:
    before = {process.name: process.pid for process in platform.supervisor.processes()}
    done = platform.slipway("reload", "orders")
    assert done.returncode == 0, done.stderr
    after = {process.name: process.pid for process in platform.supervisor.processes()}
    assert [name for name in after if after[name] != before[name]] == ["orders"]
    assert platform.slipway("status").returncode == 0


def test_commands_without_a_platform_say_what_to_do(tmp_path: Path) -> None:
    nothing = Platform(StateFolder(tmp_path / "none"))
    assert nothing.slipway("status").returncode == 1
    assert "make up" in nothing.slipway("status").stdout
    for arguments in (("logs",), ("reload",), ("exec", "orders", "true")):
        done = nothing.slipway(*arguments)
        assert done.returncode == 1, arguments
        assert "make up" in done.stderr, arguments
        assert "Traceback" not in done.stderr
    assert nothing.slipway("down").stdout.strip() == "Nothing was running."


def test_the_commands_of_the_readme_work(platform: Platform) -> None:
    readme = (platform.root / "README.md").read_text()
    documented = re.findall(r"^\| `make (.+?)` \|", readme, re.MULTILINE)
    backfill = "backfill ASSETS=bronze_orders FROM=2026-03-01 TO=2026-03-31"
    ours = ["up", "status", "logs", "reload", backfill, "catch-up", "new NAME=shop_returns"]
    assert documented == [*ours, "down", "clean", "test"]
    # `down` is run by the faults, `new` by the long scenarios, `clean` by this suite's own end, `test` by whoever runs
    # this; backfills have tests of their own.
    looks = [f"{backfill} OPTIONS=--dry-run", "catch-up OPTIONS=--dry-run"]
    for command in ("up", "status", "logs", "logs NAME=daemon", "reload NAME=orders", *looks, "help"):
        done = platform.make(*command.split())
        assert done.returncode == 0, f"make {command}: {done.stdout}{done.stderr}"
    assert platform.web.url in platform.make("up").stdout


def test_clean_asks_first(platform: Platform) -> None:
    done = platform.make("clean")
    assert done.returncode != 0
    assert "Delete" in done.stdout
    assert platform.supervisor.is_running()
